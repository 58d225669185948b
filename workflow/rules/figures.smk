# Figures and tables: the only results that are not in the store. Snakemake removes no output that is
# flagged with `update`: people edit tables of numbers.


rule figure:
    """Draw a figure as SVG, PDF and PNG, with its numbers as CSV."""
    input:
        job.target_inputs("figures"),
    output:
        report(
            "results/figures/{study}/{name}.svg",
            caption="../report/caption.rst",
            category="{study}",
            subcategory="figures",
            labels={"figure": "{name}"},
        ),
        "results/figures/{study}/{name}.pdf",
        "results/figures/{study}/{name}.png",
        update("results/figures/{study}/{name}.csv"),
    log:
        "results/logs/figures/{study}/{name}.log",
    conda:
        "../../envs/coldstart.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
        runtime=lambda wildcards, attempt: 10 * attempt,
    params:
        target=job.target_params("figures"),
    script:
        "../scripts/figure.py"


rule table:
    """Write a table as CSV, and as a page for the report."""
    input:
        job.target_inputs("tables"),
    output:
        report(
            "results/tables/{study}/{name}.html",
            caption="../report/caption.rst",
            category="{study}",
            subcategory="tables",
            labels={"table": "{name}"},
        ),
        update("results/tables/{study}/{name}.csv"),
    log:
        "results/logs/tables/{study}/{name}.log",
    conda:
        "../../envs/coldstart.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
        runtime=lambda wildcards, attempt: 10 * attempt,
    params:
        target=job.target_params("tables"),
    script:
        "../scripts/table.py"
