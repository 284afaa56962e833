// A test harness in one screen: TEST(name) { CHECK(...) } and main() runs them all. A failed check ends the process, so that a
// sanitizer or a core dump shows the place.
#ifndef HOLDFAST_TEST_HARNESS_H_
#define HOLDFAST_TEST_HARNESS_H_

#include <stdlib.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "os/sha256.h"
#include "os/status.h"

namespace holdfast::test {

struct Case {
  const char* name;
  std::function<void()> run;
};

inline std::vector<Case>& Cases() {
  static std::vector<Case> cases;
  return cases;
}

struct Register {
  Register(const char* name, std::function<void()> run) { Cases().push_back({name, std::move(run)}); }
};

[[noreturn]] inline void Fail(const char* file, int line, const std::string& what) {
  std::fprintf(stderr, "%s:%d: %s\n", file, line, what.c_str());
  std::abort();
}

// A folder that goes with the object.
class TempFolder {
 public:
  TempFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "holdfast-XXXXXX").string();
    path_ = mkdtemp(pattern.data());
  }
  ~TempFolder() { std::filesystem::remove_all(path_); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// Bytes that differ by seed and position.
inline std::vector<uint8_t> Bytes(size_t size_bytes, uint64_t seed) {
  std::vector<uint8_t> bytes(size_bytes);
  uint64_t state = seed * 0x9e3779b97f4a7c15u + 1;
  for (uint8_t& byte : bytes) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    byte = static_cast<uint8_t>(state >> 56);
  }
  return bytes;
}

inline Digest DigestOf(const std::vector<uint8_t>& bytes) { return Sha256::Of(bytes.data(), bytes.size()); }

}  // namespace holdfast::test

#define TEST(name)                                                             \
  static void name();                                                         \
  static const holdfast::test::Register register_##name(#name, name);         \
  static void name()

#define CHECK(condition)                                                       \
  do {                                                                        \
    if (!(condition)) holdfast::test::Fail(__FILE__, __LINE__, #condition);   \
  } while (false)

#define CHECK_OK(expression)                                                                                      \
  do {                                                                                                           \
    const holdfast::Status status_ = (expression);                                                               \
    if (!status_.ok()) holdfast::test::Fail(__FILE__, __LINE__, #expression " = " + status_.code() + ": " + status_.message()); \
  } while (false)

#define CHECK_CODE(expression, expected)                                                                          \
  do {                                                                                                           \
    const holdfast::Status status_ = (expression);                                                               \
    if (!status_.Is(expected)) holdfast::test::Fail(__FILE__, __LINE__, #expression " = " + status_.code() + ": " + status_.message()); \
  } while (false)

#ifndef HOLDFAST_FUZZ
int main() {
  for (const holdfast::test::Case& test : holdfast::test::Cases()) {
    std::printf("%s\n", test.name);
    std::fflush(stdout);
    test.run();
  }
  std::printf("%zu tests passed\n", holdfast::test::Cases().size());
}
#endif

#endif  // HOLDFAST_TEST_HARNESS_H_
