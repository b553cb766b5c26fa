#include "plugin/cli/command_errors.h"

#include <algorithm>
#include <cstdio>
#include <vector>

#include "plugin/cli/exit_code.h"
#include "plugin/cli/nearest.h"

namespace samehost::cli {
namespace {

std::vector<std::string> Commands(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* command : app.get_subcommands({})) names.push_back(command->get_name());
  return names;
}

std::vector<std::string> Options(const CLI::App& command) {
  std::vector<std::string> names;
  for (const CLI::Option* option : command.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
    for (const std::string& name : option->get_fnames()) {  // "!--no-grpc"
      if (name.size() > 1) names.push_back("--" + name);
    }
  }
  return names;
}

}  // namespace

bool IsOption(const std::string& word) { return !word.empty() && word.front() == '-'; }

bool IsCommandOrOption(const CLI::App& app, const std::string& word) {
  const std::vector<std::string> commands = Commands(app);
  return IsOption(word) || std::find(commands.begin(), commands.end(), word) != commands.end();
}

int SayUnknownCommand(const CLI::App& app, const std::string& word) {
  const std::vector<std::string> commands = Commands(app);
  std::string all;
  for (const std::string& command : commands) all += (all.empty() ? "" : ", ") + command;
  std::fprintf(stderr,
               "samehost: there is no command \"%s\"%s\nCommands: %s. samehost --help says more.\n",
               word.c_str(), DidYouMean(word, commands).c_str(), all.c_str());
  return kUsage;
}

int SayUnknownWord(const CLI::App& command, const std::string& word) {
  const std::string name =
      command.get_parent() == nullptr ? "samehost" : "samehost " + command.get_name();
  const bool option = IsOption(word);
  const std::string bare = word.substr(0, word.find('='));
  std::fprintf(stderr, "%s: %s \"%s\"%s\n%s --help lists the options.\n", name.c_str(),
               option ? "there is no option" : "there is one word too many:", bare.c_str(),
               option ? DidYouMean(bare, Options(command)).c_str() : "", name.c_str());
  return kUsage;
}

int SayWhatIsWrong(const CLI::App& app, const CLI::ParseError& error) {
  // A word in front of the command leaves CLI11 without one: then that is what it says.
  if (dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr ||
      dynamic_cast<const CLI::RequiredError*>(&error) != nullptr) {
    for (const CLI::App* command : app.get_subcommands()) {
      const std::vector<std::string> words = command->remaining();
      if (!words.empty()) return SayUnknownWord(*command, words.front());
    }
    const std::vector<std::string> words = app.remaining();
    if (!words.empty()) return SayUnknownWord(app, words.front());
  }
  return app.exit(error) == 0 ? kOk : kUsage;
}

}  // namespace samehost::cli
