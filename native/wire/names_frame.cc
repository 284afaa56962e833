#include "wire/names_frame.h"

#include "wire/protocol.h"

namespace holdfast {

std::string NamesFrame(uint32_t request, const AccessRule& rule, const std::string& after, const Catalog& catalog) {
  FrameWriter writer(FrameType::kNames, request);
  const size_t count_at = writer.size();
  writer.U32(0);
  uint32_t count = 0;
  bool more = false;
  std::string last;
  catalog.VisitNames(after, [&](const std::string& name, const std::string&) {
    // What may not be seen is not where the next listing goes on either.
    if (!AccessPolicy::MayOpenName(rule, name)) return true;
    more = writer.size() + 4 + 2 * name.size() > kFrameBytesMax;
    if (more) return false;
    last = name;
    writer.Str(name);
    count++;
    return true;
  });
  writer.PatchU32(count_at, count);
  return writer.Str(more ? last : "").Take();
}

}  // namespace holdfast
