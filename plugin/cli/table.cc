#include "plugin/cli/table.h"

#include <algorithm>

namespace samehost::cli {
namespace {

constexpr size_t kGap = 2;
constexpr char kCut = '~';

std::string Shortened(const std::string& text, size_t places, Cut cut) {
  if (text.size() <= places || places == 0) return text;
  const size_t kept = places - 1;
  return cut == Cut::kFront ? kCut + text.substr(text.size() - kept) : text.substr(0, kept) + kCut;
}

// The widths of the columns, and which of them are shown.
class Layout {
 public:
  Layout(const std::vector<Column>& columns, const std::vector<Row>& rows) : columns_(columns) {
    for (size_t i = 0; i < columns.size(); ++i) {
      size_t widest = 0;
      for (const Row& row : rows) widest = std::max(widest, row[i].size());
      shown_.push_back(widest > 0);
      widths_.push_back(std::max(widest, columns[i].heading.size()));
    }
  }

  void Fit(size_t width) {
    Shorten(width, &Column::comfortable);
    while (Places() > width && LeaveOut(2)) {
    }
    Shorten(width, &Column::least);
    while (Places() > width && LeaveOut(1)) {
    }
  }

  std::string Line(const Row& row) const {
    std::string line;
    size_t behind = 0;  // places between the last cell and the next
    for (size_t i = 0; i < columns_.size(); ++i) {
      if (!shown_[i]) continue;
      const std::string cell = Shortened(row[i], widths_[i], columns_[i].cut);
      line += std::string(behind, ' ') + cell;
      behind = widths_[i] - cell.size() + kGap;
    }
    return line;
  }

 private:
  size_t Places() const {
    size_t places = 0;
    for (size_t i = 0; i < widths_.size(); ++i) {
      if (shown_[i]) places += widths_[i] + (places > 0 ? kGap : 0);
    }
    return places;
  }

  // Takes places from the widest column that has more than it needs, until it fits.
  void Shorten(size_t width, size_t Column::*down_to) {
    while (Places() > width) {
      size_t* widest = nullptr;
      for (size_t i = 0; i < widths_.size(); ++i) {
        const Column& column = columns_[i];
        if (!shown_[i] || column.cut == Cut::kNever) continue;
        const size_t floor = std::max(column.*down_to, column.heading.size());
        if (widths_[i] > floor && (widest == nullptr || widths_[i] > *widest)) widest = &widths_[i];
      }
      if (widest == nullptr) return;
      --*widest;
    }
  }

  // Leaves out the column that matters least, if it may go by this bound. False when none may.
  bool LeaveOut(int at_least) {
    size_t found = columns_.size();
    for (size_t i = 0; i < columns_.size(); ++i) {
      if (!shown_[i] || columns_[i].leave_out < at_least) continue;
      if (found == columns_.size() || columns_[i].leave_out > columns_[found].leave_out) found = i;
    }
    if (found == columns_.size()) return false;
    shown_[found] = false;
    return true;
  }

  const std::vector<Column>& columns_;
  std::vector<size_t> widths_;
  std::vector<bool> shown_;
};

}  // namespace

std::vector<std::string> LayOut(const std::vector<Column>& columns, const std::vector<Row>& rows,
                                size_t width) {
  Layout layout(columns, rows);
  if (width > 0) layout.Fit(width);
  Row headings;
  for (const Column& column : columns) headings.push_back(column.heading);
  std::vector<std::string> out = {layout.Line(headings)};
  for (const Row& row : rows) out.push_back(layout.Line(row));
  return out;
}

}  // namespace samehost::cli
