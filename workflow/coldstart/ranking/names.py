"""Names of the files in the folder of the ranking."""

FOLDER = "results/ranking"

PAGE = "index.html"
POINTS = "ranking.parquet"
RANKING = "ranking.csv"
SKIPPED = "skipped.csv"
TASKS = "label-studio.json"
INTERFACE = "label-studio.xml"
