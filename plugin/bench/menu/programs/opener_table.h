// Mechanisms by name, for FindOpener.
#ifndef SAMEHOST_PLUGIN_BENCH_MENU_PROGRAMS_OPENER_TABLE_H_
#define SAMEHOST_PLUGIN_BENCH_MENU_PROGRAMS_OPENER_TABLE_H_

#include <map>
#include <string>

#include "plugin/bench/menu/place.h"

namespace samehost::bench::menu {

using OpenerTable = std::map<std::string, Opener>;

inline Opener Find(const OpenerTable& table, const std::string& mechanism) {
  const auto found = table.find(mechanism);
  return found == table.end() ? nullptr : found->second;
}

}  // namespace samehost::bench::menu

#endif  // SAMEHOST_PLUGIN_BENCH_MENU_PROGRAMS_OPENER_TABLE_H_
