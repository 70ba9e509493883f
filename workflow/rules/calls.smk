# Requests, what they would cost, and the responses.


rule requests:
    input:
        cell_version,
        item_table=paths.ITEMS,
        decision=opening,
    output:
        requests=paths.REQUESTS,
        grid=paths.GRID,
    log:
        f"{paths.LOGS}/requests/{{trial}}/{{condition}}/{{part}}.log",
    conda:
        "../../envs/base.yaml"
    shell:
        'python "$SPLITPLOT_SCRIPTS"/build_requests.py --plan results/{wildcards.study:q}/plan.json --items {input.item_table:q} '
        "--trial {wildcards.trial:q} --condition {wildcards.condition:q} --part {wildcards.part:q} "
        "--folder $(dirname {output.requests:q}) --decision {input.decision:q} > {log:q} 2>&1"


rule estimate:
    input:
        version("sending"),
        preview,
        item_table=paths.ITEMS,
    output:
        paths.ESTIMATE,
    log:
        f"{paths.LOGS}/estimate.log",
    conda:
        "../../envs/base.yaml"
    shell:
        'python "$SPLITPLOT_SCRIPTS"/estimate_study.py --plan results/{wildcards.study:q}/plan.json --items {input.item_table:q} '
        "--ledger results/ledger --output {output:q} > {log:q} 2>&1"


# The rules that send, `generate` among them, never depend on code: an edit must not send anything. Whether money may be
# spent is asked inside, before the first paid call (calls/gate.py): an input for it would run every cell
# again with each change. What batches are in flight, and how many may be, is in the ledger, too.
#
# submit and poll mostly wait: they take no core (threads 0), and submitting comes first, so that what
# can be in flight is. Who waits takes in what has ended at the provider, so one of each is enough.
rule submit:
    input:
        requests=paths.REQUESTS,
        item_table=paths.ITEMS,
    output:
        paths.JOB,
    log:
        f"{paths.LOGS}/submit/{{trial}}/{{condition}}/{{part}}.log",
    priority: 2
    conda:
        "../../envs/base.yaml"
    threads: 0
    resources:
        **waits("submitter"),
    shell:
        'python "$SPLITPLOT_SCRIPTS"/submit_batch.py --plan results/{wildcards.study:q}/plan.json --items {input.item_table:q} '
        "--trial {wildcards.trial:q} --condition {wildcards.condition:q} --part {wildcards.part:q} "
        "--folder $(dirname {output:q}) --ledger results/ledger --log {log:q}"


rule poll:
    input:
        job=paths.JOB,
        requests=paths.REQUESTS,
        item_table=paths.ITEMS,
    output:
        paths.ENDED,
    log:
        f"{paths.LOGS}/poll/{{trial}}/{{condition}}/{{part}}.log",
    priority: -1
    conda:
        "../../envs/base.yaml"
    threads: 0
    resources:
        **waits("poller"),
    shell:
        'python "$SPLITPLOT_SCRIPTS"/poll_batch.py --plan results/{wildcards.study:q}/plan.json --items {input.item_table:q} '
        "--trial {wildcards.trial:q} --condition {wildcards.condition:q} --part {wildcards.part:q} "
        "--folder $(dirname {output:q}) --ledger results/ledger --log {log:q}"


rule responses:
    input:
        polled,
        generated,
        requests=paths.REQUESTS,
        grid=paths.GRID,
        item_table=paths.ITEMS,
    output:
        paths.RESPONSES,
    log:
        f"{paths.LOGS}/responses/{{trial}}/{{condition}}/{{part}}.log",
    conda:
        "../../envs/base.yaml"
    shell:
        'python "$SPLITPLOT_SCRIPTS"/answer_requests.py --plan results/{wildcards.study:q}/plan.json --items {input.item_table:q} '
        "--trial {wildcards.trial:q} --condition {wildcards.condition:q} --part {wildcards.part:q} "
        "--folder $(dirname {output:q}) --ledger results/ledger --log {log:q}"


# What a partial report is made of: the answers that the ledger has, and "missing" for the others.
rule responses_so_far:
    input:
        version("ledger"),
        requests=paths.REQUESTS,
    output:
        paths.RESPONSES_SO_FAR,
    log:
        f"{paths.LOGS}/responses_so_far/{{trial}}/{{condition}}/{{part}}.log",
    conda:
        "../../envs/base.yaml"
    shell:
        'python "$SPLITPLOT_SCRIPTS"/collect_responses.py --plan results/{wildcards.study:q}/plan.json '
        "--trial {wildcards.trial:q} --requests {input.requests:q} --ledger results/ledger "
        "--output {output:q} > {log:q} 2>&1"
