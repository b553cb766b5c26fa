# in_bare_machine [ARGUMENT...]: scripts/bare-machine with these arguments, ended as scripts/long-checks wants it.
# Sourced by the checks beside it.
in_bare_machine() {
  local log code
  log=$(mktemp)
  scripts/bare-machine "$@" 2>&1 | tee "$log"
  code=${PIPESTATUS[0]}
  local failed not_run
  failed=$(sed -n 's/^FAILED: //p' "$log" | tail -n 1)
  not_run=$(sed -n 's/^NOT RUN: //p' "$log" | tail -n 1)
  rm -f "$log"
  if [ "$code" -ne 0 ]; then echo "failed: $failed"; exit 1; fi
  if [ -n "$not_run" ]; then echo "not run: $not_run"; exit 77; fi
}
