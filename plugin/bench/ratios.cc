#include "plugin/bench/ratios.h"

#include <algorithm>

namespace samehost::bench {
namespace {

class RatioList {
 public:
  void Add(const char* name, double above, double below) {
    if (above > 0 && below > 0) ratios_.push_back({name, above / below});
  }
  void AddFigure(const char* name, double value) {
    if (value >= 0) ratios_.push_back({name, value});
  }
  std::vector<Ratio> Take() { return std::move(ratios_); }

 private:
  std::vector<Ratio> ratios_;
};

std::vector<Ratio> IdleFigures(const Row& ours, const Row* unix_row) {
  RatioList list;
  if (unix_row != nullptr) {
    list.AddFigure("idle_cpu_above_stock_percent",
                   std::max(0.0, ours.idle_cpu_percent - unix_row->idle_cpu_percent));
  }
  list.AddFigure("connection_kib", std::max(ours.segment_kib, ours.growth_kib));
  return list.Take();
}

}  // namespace

const Row* CaseResult::Find(Transport transport) const {
  for (const Row& row : rows) {
    if (row.transport == transport) return &row;
  }
  return nullptr;
}

std::vector<Ratio> Ratios(const CaseResult& result) {
  const Row* ours = result.Find(Transport::kSamehost);
  if (ours == nullptr) return {};
  const Row* unix_row = result.Find(Transport::kStockUnix);
  if (result.what->kind == CaseKind::kIdle) return IdleFigures(*ours, unix_row);
  RatioList list;
  if (unix_row != nullptr) {
    list.Add("p50_times_lower", unix_row->P50Us(), ours->P50Us());
    list.Add("p99_times_lower", unix_row->P99Us(), ours->P99Us());
    list.Add("rate_times", ours->Rate(), unix_row->Rate());
    list.Add("cpu_of_stock", ours->CpuUs(), unix_row->CpuUs());
  }
  if (const Row* in_process = result.Find(Transport::kInProcess)) {
    list.Add("p50_of_in_process", ours->P50Us(), in_process->P50Us());
  }
  return list.Take();
}

}  // namespace samehost::bench
