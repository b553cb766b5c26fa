// samehost-bench-rivals: holds the ends of other people's mechanisms, for `samehost-bench menu`.
#include "plugin/bench/menu/worker.h"

int main(int argc, char** argv) {
  CLI::App app("A worker of `samehost-bench menu`");
  app.require_subcommand(1);
  samehost::bench::menu::WorkerOptions options;
  samehost::bench::menu::AddWorkerCommand(app, options);
  CLI11_PARSE(app, argc, argv);
  samehost::bench::menu::RunWorker(options);
}
