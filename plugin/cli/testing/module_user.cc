// Loads the modules that it is told on its command line, says so, and waits for the end of its
// input.
#include <dlfcn.h>

#include <iostream>
#include <string>

int main(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    if (dlopen(argv[i], RTLD_NOW | RTLD_LOCAL) == nullptr) {
      std::cerr << dlerror() << std::endl;
      return 1;
    }
  }
  std::cout << "loaded" << std::endl;
  std::string line;
  while (std::getline(std::cin, line)) continue;
  return 0;
}
