// How many more file descriptors this process may open. Whoever needs several for something that
// can be done without looks here first: at the limit it is others who would fail, and gRPC 1.51's
// own listener, for one, never accepts again after a single EMFILE.
#ifndef SAMEHOST_PLUGIN_BASE_DESCRIPTOR_HEADROOM_H_
#define SAMEHOST_PLUGIN_BASE_DESCRIPTOR_HEADROOM_H_

namespace samehost {

// Whether `count` more can be opened. Opens none itself. Any thread; `count` system calls, some
// thousands where numbers are used up to the limit.
bool DescriptorsAllow(int count);

// Tests: pretends that there are always enough, so that what comes after the look is met as well.
void PretendDescriptorsForTesting(bool enough);

}  // namespace samehost

#endif  // SAMEHOST_PLUGIN_BASE_DESCRIPTOR_HEADROOM_H_
