#include "server/admission.h"

namespace holdfast {

namespace {

constexpr std::string_view kDigestPrefix = "sha256:";

}  // namespace

bool Admission::Admit(Connection* connection) const {
  const Digest* token = connection->token ? &*connection->token : nullptr;
  const bool own = token != nullptr && own_token_ != nullptr && *token == *own_token_;
  connection->is_own = own;
  connection->rule = own || policy_->is_open() ? &everything_ : policy_->Admit(connection->peer().uid, token);
  return connection->rule != nullptr;
}

bool Admission::MayOpen(const Connection& connection, std::string_view name, const Catalog& catalog) {
  if (connection.rule == nullptr) return false;
  const AccessRule& rule = *connection.rule;
  if (AccessPolicy::MayOpenAll(rule)) return true;
  if (!name.starts_with(kDigestPrefix)) return AccessPolicy::MayOpenName(rule, WithTag(name));
  // A digest is no way around the names: one of them has to be allowed.
  const std::string_view digest = name.substr(kDigestPrefix.size());
  bool allowed = false;
  catalog.VisitNames("", [&](const std::string& named, const std::string& meaning) {
    allowed = meaning == digest && AccessPolicy::MayOpenName(rule, named);
    return !allowed;
  });
  return allowed;
}

std::string Admission::TenantOf(const Connection& connection) {
  return connection.rule != nullptr && !connection.rule->tenant.empty() ? connection.rule->tenant : std::string(kPublicTenant);
}

}  // namespace holdfast
