// Contestant: one mechanism under measurement. Owns fresh processes for its two ends (one process
// in-process), runs slices and gathers what they give. Idle between slices. A mechanism that fails
// is out of the race with the reason; the others go on. One thread.
#ifndef SAMEHOST_PLUGIN_BENCH_MENU_CONTESTANT_H_
#define SAMEHOST_PLUGIN_BENCH_MENU_CONTESTANT_H_

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "plugin/bench/menu/catalog.h"
#include "plugin/bench/menu/measured.h"
#include "plugin/bench/menu/run_spec.h"
#include "plugin/bench/worker_process.h"

namespace samehost::bench::menu {

class Contestant {
 public:
  // `directory` is for this one alone, and exists.
  Contestant(Mechanism mechanism, std::string directory);

  const Mechanism& mechanism() const { return mechanism_; }
  bool running() const { return client_ != nullptr; }

  // Each of these does nothing when it is not running, and ends it when something fails; then
  // mechanism().missing says what.
  void Start();
  void Pin(Placement placement);
  // What the slices from now on give goes to that cell.
  void EnterCell(Placement placement, uint64_t size);
  void RunSlice(Task task, double seconds);
  void CountSystemCalls();
  void Prove();

  std::vector<Cell> TakeCells() { return std::move(cells_); }

  // For the contract test; throw.
  std::vector<nlohmann::json> Run(const RunSpec& spec);  // of client and server
  WorkerProcess& client() { return *client_; }
  WorkerProcess& server() { return *server_; }
  void StartOrThrow();
  void Stop();

 private:
  template <typename Work>
  void Guard(Work work);
  WorkerCommand Command(const std::string& role) const;
  std::vector<nlohmann::json> CallBoth(const nlohmann::json& command);
  std::vector<pid_t> Pids();
  // How many messages take about that long in this cell, from what they took so far.
  uint64_t CountFor(Task task, double seconds);
  double Calibrate(Task task);  // nanoseconds a message
  RunSpec NextSpec(Task task, uint64_t warm_up, uint64_t count);

  Mechanism mechanism_;
  const std::string directory_;
  std::unique_ptr<WorkerProcess> client_, server_;  // no server when both ends are in one process
  uint64_t next_number_ = 1;
  std::vector<Cell> cells_;
  size_t cell_ = 0;                                           // that was entered last
  std::map<std::pair<size_t, Task>, double> ns_per_message_;  // by cell
};

}  // namespace samehost::bench::menu

#endif  // SAMEHOST_PLUGIN_BENCH_MENU_CONTESTANT_H_
