#include "plugin/cli/watch.h"

#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <optional>

#include "plugin/base/unique_fd.h"
#include "plugin/cli/exit_code.h"

namespace samehost::cli {
namespace {

using Clock = std::chrono::steady_clock;

constexpr char kEnter[] = "\x1b[?1049h\x1b[?25l";  // alternate screen, no cursor
constexpr char kLeave[] = "\x1b[?25h\x1b[?1049l";
constexpr char kHome[] = "\x1b[H";
constexpr char kClearToEndOfLine[] = "\x1b[K";
constexpr char kClearBelow[] = "\x1b[J";

void WriteAll(const std::string& text) {
  size_t done = 0;
  while (done < text.size()) {
    const ssize_t wrote = write(STDOUT_FILENO, text.data() + done, text.size() - done);
    if (wrote <= 0 && errno != EINTR) return;
    if (wrote > 0) done += static_cast<size_t>(wrote);
  }
}

// The terminal while it is ours: keys come one by one and are not shown.
class Terminal {
 public:
  Terminal() { Enter(); }
  ~Terminal() { Leave(); }
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  void Enter() {
    keys_ = tcgetattr(STDIN_FILENO, &before_) == 0;
    if (keys_) {
      termios raw = before_;
      raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
      tcsetattr(STDIN_FILENO, TCSANOW, &raw);
    }
    WriteAll(kEnter);
  }
  // The shell gets it back as it was.
  void Leave() {
    WriteAll(kLeave);
    if (keys_) tcsetattr(STDIN_FILENO, TCSANOW, &before_);
  }
  // Whether stdin is a terminal that keys come from.
  bool has_keys() const { return keys_; }

 private:
  termios before_ = {};
  bool keys_ = false;
};

UniqueFd TakeSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH, SIGTSTP}) {
    sigaddset(&signals, signal);
  }
  sigprocmask(SIG_BLOCK, &signals, nullptr);
  return UniqueFd(signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
}

int MillisecondsUntil(Clock::time_point time) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(time - Clock::now()).count();
  return static_cast<int>(std::clamp<int64_t>(left, 0, 1 << 30));
}

enum class Event { kTime, kSize, kEnd, kSuspend };

class Events {
 public:
  explicit Events(bool keys) : signals_(TakeSignals()), keys_(keys) {}

  // Waits for the first of them. `*ending`: the signal that ended it, or 0.
  Event Next(Clock::time_point time, int* ending) {
    for (;;) {
      pollfd polled[2] = {{signals_.get(), POLLIN, 0}, {keys_ ? STDIN_FILENO : -1, POLLIN, 0}};
      const int ready = poll(polled, 2, MillisecondsUntil(time));
      if (ready == 0) return Event::kTime;
      if (polled[0].revents != 0) {
        if (const auto event = OnSignal(ending)) return *event;
      }
      if (polled[1].revents != 0 && OnKey()) return Event::kEnd;
    }
  }

 private:
  std::optional<Event> OnSignal(int* ending) {
    signalfd_siginfo info;
    if (read(signals_.get(), &info, sizeof(info)) != sizeof(info)) return std::nullopt;
    if (info.ssi_signo == SIGWINCH) return Event::kSize;
    if (info.ssi_signo == SIGTSTP) return Event::kSuspend;
    *ending = info.ssi_signo == SIGINT ? 0 : static_cast<int>(info.ssi_signo);
    return Event::kEnd;
  }

  bool OnKey() {
    char key = 0;
    if (read(STDIN_FILENO, &key, 1) <= 0) {
      keys_ = false;  // no more will come
      return false;
    }
    return key == 'q' || key == 'Q';
  }

  UniqueFd signals_;
  bool keys_;
};

struct Size {
  int rows = 24;
  int columns = 80;
};

Size SizeNow() {
  winsize size = {};
  ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
  Size out;
  if (size.ws_row > 0) out.rows = size.ws_row;
  if (size.ws_col > 0) out.columns = size.ws_col;
  return out;
}

}  // namespace

std::string Frame(const std::vector<std::string>& lines, int rows, int columns) {
  std::string out = kHome;
  const auto count = std::min(lines.size(), static_cast<size_t>(std::max(rows, 1)));
  for (size_t i = 0; i < count; ++i) {
    if (i > 0) out += "\r\n";
    // The line is not cleared before it is written, but behind it: no moment without it.
    out += lines[i].substr(0, static_cast<size_t>(std::max(columns, 1)));
    // SUBTLE: behind a line of full width the cursor is still on its last letter.
    if (lines[i].size() < static_cast<size_t>(columns)) out += kClearToEndOfLine;
  }
  if (count < static_cast<size_t>(rows)) out += kClearBelow;
  return out;
}

size_t TerminalColumns() {
  return isatty(STDOUT_FILENO) != 0 ? static_cast<size_t>(SizeNow().columns) : 0;
}

int Watch(double seconds, const std::function<void()>& look,
          const std::function<std::vector<std::string>(size_t columns)>& draw) {
  if (isatty(STDOUT_FILENO) == 0) {
    std::fputs("samehost: --watch needs a terminal; use --json for programs\n", stderr);
    return kFailed;
  }
  const auto step =
      std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
  const auto show = [&draw] {
    const Size size = SizeNow();
    WriteAll(Frame(draw(static_cast<size_t>(size.columns)), size.rows, size.columns));
  };
  int ending = 0;
  Terminal terminal;
  Events events(terminal.has_keys());
  for (Event event = Event::kTime; event != Event::kEnd;) {
    look();
    show();
    const auto next = Clock::now() + step;
    while ((event = events.Next(next, &ending)) == Event::kSize) show();
    if (event == Event::kSuspend) {
      terminal.Leave();
      raise(SIGSTOP);
      terminal.Enter();
    }
  }
  return ending == 0 ? kOk : 128 + ending;
}

}  // namespace samehost::cli
