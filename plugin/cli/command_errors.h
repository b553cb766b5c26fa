// What a user is told whose command line makes no sense: the word that nobody knows, by name, and
// the known one that is near.
//
// Each prints to stderr and returns the exit code. Called once, from the main thread.
#ifndef SAMEHOST_PLUGIN_CLI_COMMAND_ERRORS_H_
#define SAMEHOST_PLUGIN_CLI_COMMAND_ERRORS_H_

#include <CLI/CLI.hpp>
#include <string>

namespace samehost::cli {

bool IsOption(const std::string& word);
bool IsCommandOrOption(const CLI::App& app, const std::string& word);

// The first word is no command.
int SayUnknownCommand(const CLI::App& app, const std::string& word);
// `word` is no option of this command, or one word too many.
int SayUnknownWord(const CLI::App& command, const std::string& word);
// What CLI11 says, in our words where it names neither command nor a near one. For --help and
// --version, which come as an error too, prints what was asked for.
int SayWhatIsWrong(const CLI::App& app, const CLI::ParseError& error);

}  // namespace samehost::cli

#endif  // SAMEHOST_PLUGIN_CLI_COMMAND_ERRORS_H_
