"""Loading the definitions, compared with importing Dagster."""

from benchmarks.support.measuring import (
    clean_environment,
    compare,
    cpu,
    options,
    run,
    say,
    scratch,
    script,
)


def main() -> None:
    chosen = options(__doc__, size=1, small=1, times=7)
    with scratch() as directory:
        env = clean_environment(directory / "home", directory / "warehouse")
        loading = script("from feedback_assets.definitions import defs; defs()")
        compared = compare(
            lambda: run(loading, env), lambda: run(script("import dagster"), env), chosen
        )
    ours, floor = compared.medians(cpu)
    say(
        "loading the definitions, CPU against import dagster",
        compared.ratio(cpu),
        "≤ 2",
        f"{ours:.2f} s against {floor:.2f} s",
    )


if __name__ == "__main__":
    main()
