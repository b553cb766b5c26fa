// Table: rows of text under headings, laid out for the width of a terminal. Where not all of it
// fits, columns are left out and cells shortened in an order that each column names, so that what
// is read first stays. Plain functions, any thread.
#ifndef SAMEHOST_PLUGIN_CLI_TABLE_H_
#define SAMEHOST_PLUGIN_CLI_TABLE_H_

#include <cstddef>
#include <string>
#include <vector>

namespace samehost::cli {

enum class Cut { kNever, kEnd, kFront };  // which end of a cell goes when it is shortened

struct Column {
  std::string heading;
  // 0: always there. Otherwise the columns with the largest number are left out first; the one with
  // number 1 goes only when shortening was not enough.
  int leave_out = 0;
  Cut cut = Cut::kNever;
  size_t comfortable = 0;  // shortened to this before any column is left out
  size_t least = 0;        // and to this in the end
};

using Row = std::vector<std::string>;  // a cell for each column

// Lines without their ends, the headings first. `width`: places of the terminal, 0 for no bound. A
// column without text below its heading is left out. What does not fit even so is longer than
// `width`.
std::vector<std::string> LayOut(const std::vector<Column>& columns, const std::vector<Row>& rows,
                                size_t width);

}  // namespace samehost::cli

#endif  // SAMEHOST_PLUGIN_CLI_TABLE_H_
