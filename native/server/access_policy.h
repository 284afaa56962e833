// Access to models: rules of a machine's operator. Knowing a name, or a digest, opens nothing.
//
// A client is known by its user (SO_PEERCRED, which it cannot forge) or by a token that it shows. The first rule that fits is its rule.
// Without any rule everybody who can connect to the socket may open and list everything.
#ifndef HOLDFAST_ACCESS_POLICY_H_
#define HOLDFAST_ACCESS_POLICY_H_

#include <sys/types.h>

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "os/digest.h"

namespace holdfast {

struct AccessRule {
  // Owner of what is opened under this rule, whatever the client says. Empty: the tenant "public".
  std::string tenant;
  // With both, a client needs both. With neither, the rule fits nobody, unless it is for anyone.
  std::vector<uid_t> uids;
  // sha256 of each token, so that nobody reads tokens out of this process.
  std::vector<Digest> token_digests;
  // `*` stands for any characters. A pattern without a tag fits every tag of the name; "*" alone fits digests that no name has, too.
  std::vector<std::string> models;
  bool may_list = false;
  // Namespaces of others, which no pattern opens or lists.
  std::vector<std::string> hidden = {};
  // The rule fits every client that shows no token.
  bool for_anyone = false;
};

class AccessPolicy {
 public:
  explicit AccessPolicy(std::vector<AccessRule> rules) : rules_(std::move(rules)) {}

  bool is_open() const { return rules_.empty(); }
  // Null: none fits. `token` null: none was shown. Valid as long as the policy.
  const AccessRule* Admit(uid_t uid, const Digest* token) const;

  // `name` has its tag.
  static bool MayOpenName(const AccessRule& rule, std::string_view name);
  static bool MayOpenAll(const AccessRule& rule);

 private:
  const std::vector<AccessRule> rules_;
};

}  // namespace holdfast

#endif  // HOLDFAST_ACCESS_POLICY_H_
