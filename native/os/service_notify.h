// Tells the service manager how the daemon does: the sd_notify protocol, one datagram of VARIABLE=value lines.
// https://www.freedesktop.org/software/systemd/man/latest/sd_notify.html
#ifndef HOLDFAST_SERVICE_NOTIFY_H_
#define HOLDFAST_SERVICE_NOTIFY_H_

#include <string>

#include "os/status.h"

namespace holdfast {

// `socket_path` as in $NOTIFY_SOCKET: a path, or an abstract name that begins with '@'. Never blocks. SYSTEM when nobody listens.
Status NotifyService(const std::string& socket_path, const std::string& text);

}  // namespace holdfast

#endif  // HOLDFAST_SERVICE_NOTIFY_H_
