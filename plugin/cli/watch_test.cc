// `samehost status --watch` and `samehost run` in a real terminal (tmux).
#include "plugin/cli/watch.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>

#include "plugin/cli/testing/program.h"

namespace samehost::cli {
namespace {

using testing::Ended;
using testing::Eventually;
using testing::IsInstalled;
using testing::RunToEnd;
using testing::Samehost;
using testing::Scratch;
using testing::StockEcho;
using testing::Words;

TEST(FrameTest, DrawsOverWhatWasThere) {
  // Home, each line and what is behind it, and all below: never a cleared screen first.
  EXPECT_EQ(Frame({"one", "two"}, 5, 10), "\x1b[Hone\x1b[K\r\ntwo\x1b[K\x1b[J");
}

TEST(FrameTest, FitsTheTerminal) {
  EXPECT_EQ(Frame({"0123456789", "b", "c"}, 2, 4), "\x1b[H0123\r\nb\x1b[K");
}

// A terminal of its own, with a shell in it.
class TerminalTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!IsInstalled("tmux")) GTEST_SKIP() << "tmux is not installed";
    const Ended started =
        Tmux({"-f", "/dev/null", "new-session", "-d", "-x", "100", "-y", "30",
              "env PS1='ready> ' SAMEHOST_DIR=" + scratch_.path() + " bash --norc --noprofile"});
    ASSERT_EQ(started.code, 0) << started.errors;
    ASSERT_TRUE(Shows("ready>"));
  }
  void TearDown() override { Tmux({"kill-server"}); }

  Ended Tmux(const Words& words) const {
    Words all = {"tmux", "-S", scratch_.path() + "/tmux"};
    all.insert(all.end(), words.begin(), words.end());
    return RunToEnd(all);
  }
  void Type(const std::string& keys) const { Tmux({"send-keys", keys, "Enter"}); }
  void Press(const std::string& key) const { Tmux({"send-keys", key}); }
  std::string Screen() const { return Tmux({"capture-pane", "-p"}).out; }
  // On a line of its own: what was typed does not count.
  bool Shows(const std::string& text) const {
    const bool shown = Eventually([&] { return Screen().find(text) != std::string::npos; });
    EXPECT_TRUE(shown) << text << " is not on the screen:\n" << Screen();
    return shown;
  }
  // The last line that is not empty.
  std::string LastLine() const {
    std::string screen = Screen();
    screen.erase(screen.find_last_not_of("\n ") + 1);
    return screen.substr(screen.rfind('\n') + 1);
  }

  Scratch scratch_;
};

TEST_F(TerminalTest, WatchShowsWhatIsNewAndEndsByCtrlC) {
  Type("echo before");
  Type(Samehost() + " status --watch --interval 0.1; echo code $?");
  ASSERT_TRUE(Eventually([&] {
    return Screen().rfind("No connection", 0) == 0 || Screen().rfind("PROTO", 0) == 0;
  })) << Screen();
  EXPECT_EQ(Tmux({"display-message", "-p", "#{alternate_on}"}).out, "1\n");
  testing::Program server({Samehost(), "run", "--", StockEcho(), "server", "127.0.0.1:0"},
                          {{"SAMEHOST_DIR", scratch_.path()}});
  const std::string line = server.Line();
  Shows("127.0.0.1:" + line.substr(line.rfind(' ') + 1));
  Press("C-c");
  ASSERT_TRUE(Shows("code 0"));
  // The shell has its screen back, as it was.
  EXPECT_EQ(Tmux({"display-message", "-p", "#{alternate_on} #{cursor_flag}"}).out, "0 1\n");
  Shows("before");
  Type("echo typed");  // and its keys are shown again
  Shows("echo typed");
}

TEST_F(TerminalTest, WatchFollowsTheSize) {
  Type(Samehost() + " status --watch --interval 3600");
  ASSERT_TRUE(Eventually([&] {
    return Tmux({"display-message", "-p", "#{alternate_on}"}).out == "1\n";
  }));
  const auto widest = [&] {
    std::istringstream lines(Screen());
    size_t width = 0;
    for (std::string text; std::getline(lines, text);) width = std::max(width, text.size());
    return width;
  };
  ASSERT_TRUE(Eventually([&] { return widest() > 20; }));
  // Long before the next look, the lines are cut to the new size, and are whole again afterwards.
  const size_t before = widest();
  Tmux({"resize-window", "-x", "20", "-y", "10"});
  EXPECT_TRUE(Eventually([&] { return widest() <= 20; })) << Screen();
  Tmux({"resize-window", "-x", "100", "-y", "30"});
  EXPECT_TRUE(Eventually([&] { return widest() == before; })) << Screen();
  Press("q");
  Shows("ready>");
  EXPECT_EQ(Tmux({"display-message", "-p", "#{alternate_on}"}).out, "0\n");
}

// What is read first is on the screen whatever its width, and all of it on a wide one.
TEST_F(TerminalTest, WatchIsLaidOutForTheWidth) {
  testing::Program server({Samehost(), "run", "--", StockEcho(), "server", "127.0.0.1:0"},
                          {{"SAMEHOST_DIR", scratch_.path()}});
  const std::string line = server.Line();
  const std::string address = "127.0.0.1:" + line.substr(line.rfind(' ') + 1);
  testing::Program client({Samehost(), "run", "--", StockEcho(), "client", address, "1", "1"},
                          {{"SAMEHOST_DIR", scratch_.path()}});
  ASSERT_EQ(client.Line().substr(0, 7), "1 calls") << client.Errors();
  const auto headings = [&] {
    const std::string screen = Screen();
    return screen.rfind("PROTO", 0) == 0 ? screen.substr(0, screen.find('\n')) : "";
  };
  const auto has = [&](const char* heading) {
    return Eventually([&] { return headings().find(heading) != std::string::npos; });
  };
  Tmux({"resize-window", "-x", "80", "-y", "24"});
  Type(Samehost() + " status --watch --interval 3600");
  for (const char* heading : {"ADDRESS", "CLIENT", "SERVER", "MSG/S", "BYTES/S"}) {
    EXPECT_TRUE(has(heading)) << heading << " is not on:\n" << Screen();
  }
  EXPECT_EQ(headings().find("MEMORY"), std::string::npos) << Screen();
  Tmux({"resize-window", "-x", "200", "-y", "24"});
  EXPECT_TRUE(has("MEMORY")) << Screen();
}

// Between two frames there is no moment at which lines are missing: what the terminal gets is never
// a cleared screen.
TEST_F(TerminalTest, WatchDoesNotFlicker) {
  const std::string record = scratch_.path() + "/bytes";
  Tmux({"pipe-pane", "-o", "cat > " + record});
  Type(Samehost() + " status --watch --interval 0.05");
  const auto frames = [&] {
    const std::string bytes = RunToEnd({"cat", record}).out;
    size_t count = 0;
    for (size_t at = 0; (at = bytes.find("\x1b[H", at)) != std::string::npos; ++at) ++count;
    return count;
  };
  ASSERT_TRUE(Eventually([&] { return frames() > 10; }));
  Press("q");
  Shows("ready>");
  const std::string bytes = RunToEnd({"cat", record}).out;
  EXPECT_EQ(bytes.find("\x1b[2J"), std::string::npos);
  EXPECT_EQ(bytes.find("\x1b[2K"), std::string::npos);
}

TEST_F(TerminalTest, WatchCanBeSuspended) {
  Type(Samehost() + " status --watch --interval 0.1");
  ASSERT_TRUE(Eventually([&] {
    return Tmux({"display-message", "-p", "#{alternate_on}"}).out == "1\n";
  }));
  Press("C-z");
  ASSERT_TRUE(Shows("Stopped"));
  EXPECT_EQ(Tmux({"display-message", "-p", "#{alternate_on}"}).out, "0\n");
  Type("fg");
  EXPECT_TRUE(Eventually([&] {
    return Tmux({"display-message", "-p", "#{alternate_on}"}).out == "1\n";
  }));
  Press("q");
  EXPECT_TRUE(Eventually([&] { return LastLine().rfind("ready>", 0) == 0; })) << Screen();
}

TEST_F(TerminalTest, RunLeavesTheTerminalToTheProgram) {
  Type(Samehost() +
       " run -- bash --norc --noprofile -c 'read -p \"name? \" name; echo \"hello "
       "$name\"; test -t 0 && test -t 1 && echo \"terminal $(tput cols)\"'");
  ASSERT_TRUE(Eventually([&] { return LastLine() == "name?"; })) << Screen();
  Tmux({"resize-window", "-x", "90", "-y", "30"});
  Type("you");
  Shows("hello you");
  Shows("terminal 90");
  Type(Samehost() + " run -- sleep 1000");
  ASSERT_TRUE(Eventually([&] {
    return Tmux({"display-message", "-p", "#{pane_current_command}"}).out == "sleep\n";
  }));
  Press("C-c");
  Type("echo code $?");  // the shell knows that a signal ended it
  Shows("code 130");
}

TEST(WatchTest, NeedsATerminal) {
  const Ended ended = RunToEnd({Samehost(), "status", "--watch"});
  EXPECT_EQ(ended.code, 3);
  EXPECT_NE(ended.errors.find("terminal"), std::string::npos);
}

}  // namespace
}  // namespace samehost::cli
