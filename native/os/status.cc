#include "os/status.h"

#include <cerrno>
#include <system_error>

namespace holdfast {

Status Status::Error(std::string_view code, std::string message) {
  Status status;
  status.code_ = code;
  status.message_ = std::move(message);
  return status;
}

Status Status::Errno(std::string_view code, const std::string& what, int error) {
  const bool out = error == EMFILE || error == ENFILE;
  Status status = Error(out ? code::kOutOfDescriptors : code, what + ": " + std::generic_category().message(error) + ".");
  return status.With("errno", static_cast<uint64_t>(error));
}

Status& Status::With(std::string name, uint64_t value) {
  details_.emplace_back(std::move(name), value);
  return *this;
}

}  // namespace holdfast
