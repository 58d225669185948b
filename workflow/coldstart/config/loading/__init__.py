"""From YAML files and the command line to checked settings, recipes and studies."""
