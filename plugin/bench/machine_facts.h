// What a reader must know of the machine to make sense of the figures.
#ifndef SAMEHOST_PLUGIN_BENCH_MACHINE_FACTS_H_
#define SAMEHOST_PLUGIN_BENCH_MACHINE_FACTS_H_

#include <cstdint>
#include <nlohmann/json.hpp>

namespace samehost::bench {

// CPU, kernel, versions, build, environment variables that change gRPC, malloc or samehost.
nlohmann::json MachineFacts();

// Time that the hypervisor gave to others, all CPUs, since boot; 0 where unknown. In seconds.
double StolenSeconds();

}  // namespace samehost::bench

#endif  // SAMEHOST_PLUGIN_BENCH_MACHINE_FACTS_H_
