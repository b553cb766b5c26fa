#include "plugin/bench/known_names.h"

#include <gtest/gtest.h>

namespace samehost::bench {
namespace {

const std::vector<std::string> kNames = {"unary_16", "unary_1k", "stream_16", "idle", "link"};

TEST(KnownNames, ASlipFindsItsName) {
  EXPECT_EQ(NearestName("unary_15", kNames), "unary_16");
  EXPECT_EQ(NearestName("unary16", kNames), "unary_16");
  EXPECT_EQ(NearestName("unray_1k", kNames), "unary_1k");
  EXPECT_EQ(NearestName("lnk", kNames), "link");
}

TEST(KnownNames, TheBeginningOfANameFindsIt) { EXPECT_EQ(NearestName("str", kNames), "stream_16"); }

TEST(KnownNames, WhatIsLikeNothingFindsNothing) {
  EXPECT_EQ(NearestName("throughput", kNames), "");
  EXPECT_EQ(NearestName("", kNames), "");
}

TEST(KnownNames, TheMessageNamesTheWordTheNearestAndTheList) {
  EXPECT_EQ(UnknownName("case", "unary_15", kNames, "samehost-bench grpc --list"),
            "there is no case \"unary_15\"; did you mean unary_16? `samehost-bench grpc --list` "
            "lists them all");
  EXPECT_EQ(UnknownName("case", "throughput", {"idle", "link"}, ""),
            "there is no case \"throughput\". There are: idle, link");
}

TEST(KnownNames, AnOptionAcceptsOnlyKnownNames) {
  CLI::App app;
  std::vector<std::string> cases;
  app.add_option("--cases", cases)->delimiter(',')->check(OneOf("case", kNames, "bench --list"));
  app.parse("--cases idle,link");
  EXPECT_EQ(cases, (std::vector<std::string>{"idle", "link"}));
  try {
    app.parse("--cases idle,lik");
    FAIL() << "accepted";
  } catch (const CLI::ValidationError& error) {
    EXPECT_NE(std::string(error.what()).find("did you mean link?"), std::string::npos)
        << error.what();
  }
}

}  // namespace
}  // namespace samehost::bench
