// Ends that samehost-bench-rivals can hold, as far as their libraries were there.
#include "plugin/bench/menu/adapters/adapters.h"
#include "plugin/bench/menu/programs/opener_table.h"

namespace samehost::bench::menu {

Opener FindOpener(const std::string& mechanism) {
  static const OpenerTable kTable = {
#ifdef SAMEHOST_MENU_NNG
      {"nng_ipc", OpenNngIpc},
      {"nng_inproc", OpenNngInProcess},
#endif
#ifdef SAMEHOST_MENU_BOOST
      {"boost_queue", OpenBoostQueue},
#endif
#ifdef SAMEHOST_MENU_UCX
      {"ucx", OpenUcx},
#endif
#ifdef SAMEHOST_MENU_CAPNP
      {"capnp", OpenCapnp},
#endif
  };
  return Find(kTable, mechanism);
}

}  // namespace samehost::bench::menu
