# Scores of a cell, and the item-response table over all cells.


rule scores:
    input:
        version("scores"),
        item_table=paths.ITEMS,
        grid=lambda w: parts(w, paths.GRID),
        responses=lambda w: parts(w, ANSWERS),
    output:
        paths.SCORES,
    log:
        f"{paths.LOGS}/scores/{{trial}}/{{condition}}.log",
    group:
        "scores"
    conda:
        "../../envs/base.yaml"
    shell:
        'python "$SPLITPLOT_SCRIPTS"/score_cell.py --plan results/{wildcards.study:q}/plan.json --items {input.item_table:q} '
        "--trial {wildcards.trial:q} --condition {wildcards.condition:q} "
        '--calls results/{wildcards.study:q}/calls --answers "$SPLITPLOT_ANSWERS" '
        "--output {output:q} > {log:q} 2>&1"


rule item_responses:
    input:
        version("table"),
        scores=lambda w: targets.cell_files(plan_of(w.study), paths.SCORES),
    output:
        paths.TABLE,
    log:
        f"{paths.LOGS}/item_responses.log",
    conda:
        "../../envs/base.yaml"
    shell:
        'python "$SPLITPLOT_SCRIPTS"/join_scores.py --plan results/{wildcards.study:q}/plan.json --scores results/{wildcards.study:q}/scores --output {output:q} '
        "> {log:q} 2>&1"


rule item_responses_csv:
    input:
        paths.TABLE,
    output:
        paths.TABLE_CSV,
    log:
        f"{paths.LOGS}/item_responses_csv.log",
    conda:
        "../../envs/base.yaml"
    shell:
        'python "$SPLITPLOT_SCRIPTS"/export_csv.py --table {input:q} --output {output:q} > {log:q} 2>&1'
