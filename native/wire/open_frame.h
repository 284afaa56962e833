// What an open or a reattach of a client says, read and checked for form.
#pragma once

#include <string_view>
#include <vector>

#include "wire/protocol.h"
#include "server/server.h"
#include "os/socket_io.h"
#include "server/waiting_opens.h"

namespace holdfast {

struct OpenFrame {
  OpenMiss miss;
  bool arriving = false;
  // Of a reattach: segments that the client kept. Empty when their descriptors were lost on the way.
  std::vector<HeldSegment> held;
};

// False when the frame lies. `version` is that of the connection, `fds` what came with the frame.
bool ReadOpenFrame(FrameReader& frame, uint16_t version, std::vector<UniqueFd>& fds, OpenFrame* open);

// Names and tenants: of the lengths that the protocol allows, in visible ASCII.
bool HasGoodNames(const OpenMiss& miss);

}  // namespace holdfast
