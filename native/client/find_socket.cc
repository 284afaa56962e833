// The same places, in the same order, as clients/node/index.ts.
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>

#include "client/session.h"

namespace holdfast {

namespace {

bool Exists(const std::string& path) {
  struct stat info;
  return stat(path.c_str(), &info) == 0;
}

bool IsOwnFolder(const std::string& path) {
  struct stat info;
  return lstat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode) && info.st_uid == getuid();
}

}  // namespace

Status FindSocket(std::string* path) {
  const char* named = getenv("HOLDFAST_SOCKET");
  if (named != nullptr && *named != '\0') {
    *path = named;
    return Status();
  }
  std::string tried;
  const auto found = [&](const std::string& place) {
    tried += (tried.empty() ? "" : ", ") + place;
    if (!Exists(place)) return false;
    *path = place;
    return true;
  };
  const char* runtime = getenv("XDG_RUNTIME_DIR");
  if (runtime != nullptr && *runtime != '\0' && found(std::string(runtime) + "/holdfast/store.sock")) return Status();
  if (found("/run/holdfast/store.sock")) return Status();
  // Anybody may make folders in /tmp, so there the folder must be of this user.
  const std::string own = "/tmp/holdfast-" + std::to_string(getuid());
  if (IsOwnFolder(own) && found(own + "/store.sock")) return Status();
  return Status::Error(code::kStoreUnreachable, "No store socket at " + tried + " or " + own +
                                                    "/store.sock: start `holdfast node`, or set HOLDFAST_SOCKET.");
}

}  // namespace holdfast
