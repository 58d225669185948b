"""Names of the files in the folder of the ranking."""

FOLDER = "results/ranking"

PAGE = "index.html"
RANKING = "ranking.csv"
SKIPPED = "skipped.csv"
TASKS = "label-studio.json"
INTERFACE = "label-studio.xml"
