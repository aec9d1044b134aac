"""What `import audio_emotion` adds to `import transformers`: the median of fresh processes.

Usage: python -m benchmarks.import_time [--runs 11] [--json FILE]
"""

from benchmarks.measure import Spread, argument_parser, fresh_process, report

CODE = """
import json, time
start = time.perf_counter()
import transformers
middle = time.perf_counter()
import audio_emotion
print(json.dumps([middle - start, time.perf_counter() - middle]))
"""


def main() -> None:
    """Runs the benchmark as a command."""
    parser = argument_parser(__doc__)
    parser.add_argument("--runs", type=int, default=11, help="fresh processes that are measured, after one that is not")
    args = parser.parse_args()
    fresh_process(CODE)
    transformers, added = zip(*(fresh_process(CODE) for _ in range(args.runs)), strict=True)
    numbers = {"import_transformers_s": Spread.of(transformers), "import_audio_emotion_adds_s": Spread.of(added)}
    print(f"import transformers         {numbers['import_transformers_s']} s")
    print(
        f"import audio_emotion adds   {numbers['import_audio_emotion_adds_s']} s   (quartiles of {args.runs} processes)"
    )
    report({"benchmark": "import_time", "runs": args.runs, **numbers}, args.json)


if __name__ == "__main__":
    main()
