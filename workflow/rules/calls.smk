# Requests, what they would cost, the gate before the first paid call, and the responses.


rule requests:
    input:
        lambda w: targets.replications_file(plan_of(w.study), w.trial, w.condition),
        plan=ancient(paths.PLAN),
        item_table=paths.ITEMS,
    output:
        paths.REQUESTS,
        paths.GRID,
    log:
        paths.LOGS + "/requests/{trial}/{condition}/{part}.log",
    conda:
        "../../envs/base.yaml"
    shell:
        "python {SCRIPTS}/build_requests.py --plan {input.plan:q} --items {input.item_table:q} "
        "--trial {wildcards.trial:q} --condition {wildcards.condition:q} --part {wildcards.part:q} "
        "--folder $(dirname {output[0]:q}) > {log:q} 2>&1"


rule estimate:
    input:
        stamp("sending"),
        preview,
        plan=ancient(paths.PLAN),
        item_table=paths.ITEMS,
    output:
        paths.ESTIMATE,
    log:
        paths.LOGS + "/estimate.log",
    conda:
        "../../envs/base.yaml"
    shell:
        "python {SCRIPTS}/estimate_study.py --plan {input.plan:q} --items {input.item_table:q} "
        "--ledger {LEDGER:q} --output {output:q} > {log:q} 2>&1"


rule gate:
    input:
        stamp("money"),
        plan=ancient(paths.PLAN),
        estimate=paths.ESTIMATE,
    output:
        paths.GATE,
    log:
        paths.LOGS + "/gate.log",
    conda:
        "../../envs/base.yaml"
    shell:
        "python {SCRIPTS}/open_gate.py --plan {input.plan:q} --estimate {input.estimate:q} "
        "--approval $(dirname {output:q})/approval.json --output {output:q} > {log:q} 2>&1"


# Never depends on code: an edit must not send anything. The gate is opened before the first call and
# is no reason to look again at what has been answered.
rule responses:
    input:
        requests=paths.REQUESTS,
        grid=paths.GRID,
        item_table=ancient(paths.ITEMS),
        plan=ancient(paths.PLAN),
        gate=ancient(paths.GATE),
    output:
        paths.RESPONSES,
    log:
        paths.LOGS + "/responses/{trial}/{condition}/{part}.log",
    conda:
        "../../envs/base.yaml"
    threads: lambda w: targets.trial_threads(plan_of(w.study), w.trial)
    shell:
        "python {SCRIPTS}/answer_requests.py --plan {input.plan:q} --items {input.item_table:q} "
        "--trial {wildcards.trial:q} --condition {wildcards.condition:q} --part {wildcards.part:q} "
        "--folder $(dirname {output:q}) --ledger {LEDGER:q} --log {log:q}"
