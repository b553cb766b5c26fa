#include "plugin/bench/proof.h"

#include <gtest/gtest.h>

#include "plugin/bench/bench_failure.h"

namespace samehost::bench {
namespace {

using nlohmann::json;

json Facts(uint64_t handled, uint64_t carried, uint64_t live) {
  return {{"messages", handled},
          {"payload_errors", 0},
          {"fallbacks", ""},
          {"link",
           {{"links_live", live},
            {"fallbacks", 0},
            {"messages_sent", carried},
            {"messages_received", carried},
            {"bytes_sent", carried * 100},
            {"bytes_received", carried * 100}}}};
}

SliceEvidence GoodSamehostSlice() {
  SliceEvidence evidence{.transport = Transport::kSamehost, .operations = 10, .body_bytes = 64};
  evidence.server = {Facts(5, 5, 1), Facts(15, 15, 1)};
  evidence.clients = {{Facts(0, 5, 1), Facts(0, 15, 1)}};
  evidence.client_operations = {10};
  return evidence;
}

TEST(Proof, GoodSliceHolds) { EXPECT_NO_THROW(ProveSlice(GoodSamehostSlice())); }

TEST(Proof, CallsMissingInTheClientsLink) {
  SliceEvidence evidence = GoodSamehostSlice();
  evidence.clients[0].after = Facts(0, 14, 1);
  EXPECT_THROW(ProveSlice(evidence), ProofFailure);
}

TEST(Proof, CallsMissingInTheServersLink) {
  SliceEvidence evidence = GoodSamehostSlice();
  evidence.server.after = Facts(15, 14, 1);
  EXPECT_THROW(ProveSlice(evidence), ProofFailure);
}

TEST(Proof, NoLiveLink) {
  SliceEvidence evidence = GoodSamehostSlice();
  evidence.clients[0].after = Facts(0, 15, 0);
  EXPECT_THROW(ProveSlice(evidence), ProofFailure);
}

TEST(Proof, TooFewBytes) {
  SliceEvidence evidence = GoodSamehostSlice();
  evidence.body_bytes = 101;
  EXPECT_THROW(ProveSlice(evidence), ProofFailure);
}

TEST(Proof, FellBackMeanwhile) {
  SliceEvidence evidence = GoodSamehostSlice();
  evidence.clients[0].after["link"]["fallbacks"] = 1;
  EXPECT_THROW(ProveSlice(evidence), ProofFailure);
}

TEST(Proof, BuiltWithoutSamehost) {
  SliceEvidence evidence = GoodSamehostSlice();
  evidence.server.before["link"] = evidence.server.after["link"] = json::object();
  EXPECT_THROW(ProveSlice(evidence), ProofFailure);
}

TEST(Proof, EveryClientMustCarryItsOwn) {
  SliceEvidence evidence = GoodSamehostSlice();
  evidence.client_operations = {5, 5};
  evidence.clients.push_back({Facts(0, 0, 1), Facts(0, 4, 1)});
  EXPECT_THROW(ProveSlice(evidence), ProofFailure);
}

TEST(Proof, ServerCountsOtherwise) {
  SliceEvidence evidence = GoodSamehostSlice();
  evidence.operations = 9;
  EXPECT_THROW(ProveSlice(evidence), ProofFailure);
}

TEST(Proof, StockRowMustNotTouchTheLink) {
  SliceEvidence evidence = GoodSamehostSlice();
  evidence.transport = Transport::kStockTcp;
  EXPECT_THROW(ProveSlice(evidence), ProofFailure);
  evidence.server.after = Facts(15, 5, 1);
  evidence.clients[0].after = evidence.clients[0].before;
  EXPECT_NO_THROW(ProveSlice(evidence));
}

}  // namespace
}  // namespace samehost::bench
