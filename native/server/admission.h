// Applies the access rules to connections. Used by the server's thread alone.
#ifndef HOLDFAST_SRC_ADMISSION_H_
#define HOLDFAST_SRC_ADMISSION_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "server/connection.h"
#include "server/access_policy.h"
#include "memory/catalog.h"

namespace holdfast {

class Admission {
 public:
  // `own_token` may be null.
  explicit Admission(std::shared_ptr<const Digest> own_token) : own_token_(std::move(own_token)) {}

  // Connections have to be admitted again before they are asked about.
  void SetRules(std::vector<AccessRule> rules) { policy_ = std::make_unique<AccessPolicy>(std::move(rules)); }
  // Finds the rule of a connection by its user and the token that it has shown. False when none fits.
  bool Admit(Connection* connection) const;
  // False for a name or digest that the connection's rule does not allow, whether there is such a model or not.
  static bool MayOpen(const Connection& connection, std::string_view name, const Catalog& catalog);
  static bool IsRestricted(const Connection& connection) {
    return connection.rule == nullptr || !AccessPolicy::MayOpenAll(*connection.rule);
  }
  // Of clients that show no token of a tenant. A client that says no tenant says this one.
  static constexpr std::string_view kPublicTenant = "public";
  // Whose lease it is: what the rule says, whatever the client does.
  static std::string TenantOf(const Connection& connection);

 private:
  const std::shared_ptr<const Digest> own_token_;
  // With an empty tenant, every pattern and the list.
  const AccessRule everything_ = {"", {}, {}, {"*"}, true};
  std::unique_ptr<AccessPolicy> policy_ = std::make_unique<AccessPolicy>(std::vector<AccessRule>());
};

}  // namespace holdfast

#endif  // HOLDFAST_SRC_ADMISSION_H_
