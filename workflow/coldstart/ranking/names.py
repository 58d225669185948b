"""Names of the files in the folder of the ranking, and of columns."""

FOLDER = "results/ranking"

PAGE = "index.html"
POINTS = "ranking.parquet"
RANKING = "ranking.csv"
SKIPPED = "skipped.csv"
GROWTH = "label-growth"
FORMATS = ("png", "pdf", "svg")
PREDICTED = "predicted"
TASKS = "label-studio.json"
INTERFACE = "label-studio.xml"
CVAT_FILES = "cvat-files.txt"
CVAT_LABELS = "cvat-labels.json"
PICKS = "picks/picks.csv"

EXPORTS = {
    "label-studio": [TASKS, INTERFACE],
    "cvat": [CVAT_FILES, CVAT_LABELS],
    "folder": [PICKS],
    "copies": [PICKS],
}
"""Files that each export writes."""
