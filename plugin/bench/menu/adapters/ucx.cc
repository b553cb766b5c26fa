// UCX with its shared-memory transports: tagged messages, waited for by calling ucp_worker_progress
// all the time, as is UCX's habit.
#include <ucp/api/ucp.h>

#include "plugin/bench/menu/adapters/adapters.h"

namespace samehost::bench::menu {
namespace {

constexpr int kLooksBetweenChecks = 1 << 14;
constexpr ucp_tag_t kTag = 1;

void Require(ucs_status_t status, const char* operation) {
  if (status == UCS_OK) return;
  if (status == UCS_ERR_CONNECTION_RESET || status == UCS_ERR_ENDPOINT_TIMEOUT) throw PeerGone();
  throw BenchFailure(std::string(operation) + ": " + ::ucs_status_string(status));
}

class UcxChannel final : public Channel {
 public:
  explicit UcxChannel(const Place& place) : peer_(place.peer) {
    ucp_config_t* config = nullptr;
    Require(::ucp_config_read(nullptr, nullptr, &config), "ucp_config_read");
    Require(::ucp_config_modify(config, "TLS", "shm"), "UCX_TLS=shm");
    ucp_params_t params{};
    params.field_mask = UCP_PARAM_FIELD_FEATURES;
    params.features = UCP_FEATURE_TAG;
    const ucs_status_t made = ::ucp_init(&params, config, &context_);
    ::ucp_config_release(config);
    Require(made, "ucp_init");
    ucp_worker_params_t worker{};
    worker.field_mask = UCP_WORKER_PARAM_FIELD_THREAD_MODE;
    worker.thread_mode = UCS_THREAD_MODE_SINGLE;
    Require(::ucp_worker_create(context_, &worker, &worker_), "ucp_worker_create");
    Connect();
  }
  ~UcxChannel() override {
    if (worker_ != nullptr) ::ucp_worker_destroy(worker_);
    if (context_ != nullptr) ::ucp_cleanup(context_);
  }

  void Send(std::span<const std::byte> message) override {
    const ucp_request_param_t param{};
    Complete(::ucp_tag_send_nbx(endpoint_, message.data(), message.size(), kTag, &param),
             "ucp_tag_send");
  }

  std::span<const std::byte> Receive() override {
    ucp_tag_recv_info_t info;
    ucp_tag_message_h found;
    while ((found = ::ucp_tag_probe_nb(worker_, kTag, ~ucp_tag_t{0}, 1, &info)) == nullptr) {
      Progress();
    }
    message_.resize(info.length);
    const ucp_request_param_t param{};
    Complete(::ucp_tag_msg_recv_nbx(worker_, message_.data(), message_.size(), found, &param),
             "ucp_tag_recv");
    return message_;
  }

 private:
  void Connect() {
    ucp_address_t* own = nullptr;
    size_t length = 0;
    Require(::ucp_worker_get_address(worker_, &own, &length), "ucp_worker_get_address");
    peer_.SendText(std::string(reinterpret_cast<const char*>(own), length));
    ::ucp_worker_release_address(worker_, own);
    const std::string other = peer_.ReceiveText();
    ucp_ep_params_t params{};
    params.field_mask = UCP_EP_PARAM_FIELD_REMOTE_ADDRESS;
    params.address = reinterpret_cast<const ucp_address_t*>(other.data());
    Require(::ucp_ep_create(worker_, &params, &endpoint_), "ucp_ep_create");
  }

  void Progress() {
    ::ucp_worker_progress(worker_);
    if (++looks_ % kLooksBetweenChecks == 0 && peer_.LooksGone()) throw PeerGone();
  }

  void Complete(ucs_status_ptr_t request, const char* operation) {
    if (request == nullptr) return;
    if (UCS_PTR_IS_ERR(request)) Require(UCS_PTR_STATUS(request), operation);
    ucs_status_t status;
    while ((status = ::ucp_request_check_status(request)) == UCS_INPROGRESS) Progress();
    ::ucp_request_free(request);
    Require(status, operation);
  }

  Peer& peer_;
  ucp_context_h context_ = nullptr;
  ucp_worker_h worker_ = nullptr;
  ucp_ep_h endpoint_ = nullptr;
  unsigned looks_ = 0;
  std::vector<std::byte> message_;
};

}  // namespace

ChannelPtr OpenUcx(const Place& place) { return std::make_unique<UcxChannel>(place); }

}  // namespace samehost::bench::menu
