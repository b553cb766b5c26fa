// Next: the function that a caller would have got if this library did not stand in front of it.
//
// Looked up as the dynamic linker does for the object that the call comes from: first among the
// libraries that everybody sees, then among those that only this object sees (Ruby, Python and
// others open libraries privately). Answers are remembered for each place in the code that calls,
// for grpc_init is called often.
//
// One static object for each function; any thread, without locks once answered. Memory of an answer
// is never freed.
#ifndef SAMEHOST_PLUGIN_PRELOAD_NEXT_H_
#define SAMEHOST_PLUGIN_PRELOAD_NEXT_H_

namespace samehost::preload {

class Next {
 public:
  struct Found {
    void* address;  // null: nobody has it
    bool accepted;  // what `accept` said of it
  };
  using Accept = bool (*)(void* address);

  constexpr explicit Next(const char* name) : name_(name) {}

  // `caller`: the return address. `accept` (may be null) is asked once for each caller.
  Found For(void* caller, Accept accept);

 private:
  struct Answer {
    void* caller;
    Found found;
    Answer* next;
  };

  const char* const name_;
  Answer* answers_ = nullptr;  // newest first; atomic, see next.cc
};

}  // namespace samehost::preload

#endif  // SAMEHOST_PLUGIN_PRELOAD_NEXT_H_
