// A program closes every descriptor of its process, ours with them, and opens files of its own,
// which get the numbers that ours had. Whatever a link does from then on, these files stay as they
// are.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <climits>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>

#include "plugin/base/aside.h"
#include "plugin/shm/link.h"

namespace samehost::shm {
namespace {

constexpr char kContent[] = "the program's own";

// Two ends of a link in this process.
struct Pair {
  std::unique_ptr<Link> connecting;
  std::unique_ptr<Link> accepting;
};

Pair MakePair() {
  const LinkOptions options;
  Result<LinkParts> parts = Link::MakeParts(options, /*share_eventfds=*/true);
  if (!parts.ok()) return {};
  LinkParts other;
  other.segment = UniqueFd(dup(parts->segment.get()));
  for (int i : {0, 1}) other.doorbell[i] = UniqueFd(dup(parts->doorbell[i].get()));
  int sockets[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sockets) != 0) return {};
  parts->socket = UniqueFd(sockets[0]);
  other.socket = UniqueFd(sockets[1]);
  Pair pair;
  auto one = Link::Create(Link::Side::kConnecting, *std::move(parts), options);
  auto two = Link::Create(Link::Side::kAccepting, std::move(other), options);
  if (one.ok()) pair.connecting = *std::move(one);
  if (two.ok()) pair.accepting = *std::move(two);
  return pair;
}

// In a process of its own, for it closes what the test program needs.
int CloseAllAndGoOn(const std::string& folder) {
  Pair pair = MakePair();
  if (pair.connecting == nullptr || pair.accepting == nullptr) return 10;
  const int doorbell = pair.connecting->doorbell_fd();
  if (doorbell < kAsideFrom) return 11;
  close_range(3, UINT_MAX, 0);
  for (int number = 3; number <= 2 * kAsideFrom;) {
    const std::string path = folder + "/" + std::to_string(number);
    number = open(path.c_str(), O_CREAT | O_RDWR, 0600) + 1;
    if (number == 0) return 12;
    if (write(number - 1, kContent, sizeof(kContent)) != sizeof(kContent)) return 13;
  }
  if (fcntl(doorbell, F_GETFD) < 0) return 14;  // it has got a file of the program's
  // All that may still happen to a link.
  for (Link* link : {pair.connecting.get(), pair.accepting.get()}) {
    link->ArmDoorbell();
    link->RingSelf();
  }
  std::byte* place = pair.connecting->Reserve(8);
  if (place == nullptr) return 15;
  pair.connecting->Commit(8);
  pair.connecting->Publish();
  pair.connecting->Close();
  pair = {};
  for (int number = 3; number < 2 * kAsideFrom; ++number) {
    char content[2 * sizeof(kContent)];
    if (pread(number, content, sizeof(content), 0) != sizeof(kContent)) return 16;
    if (std::string(content) != kContent) return 17;
  }
  return 0;
}

TEST(ClosedDescriptorsTest, FilesUnderTheirNumbersStayAsTheyAre) {
  std::string folder = "/tmp/samehost-closed-XXXXXX";
  ASSERT_NE(mkdtemp(folder.data()), nullptr);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) _exit(CloseAllAndGoOn(folder));
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0) << WEXITSTATUS(status);
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace samehost::shm
