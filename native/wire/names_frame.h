// The answer to a listing: names of models that a rule allows, in order, and where the next listing goes on.
#pragma once

#include <string>

#include "server/access_policy.h"
#include "memory/catalog.h"

namespace holdfast {

// At most a frame of names behind `after`; it ends with the last name when there are more, else with an empty one.
std::string NamesFrame(uint32_t request, const AccessRule& rule, const std::string& after, const Catalog& catalog);

}  // namespace holdfast
