#include "server/access_policy.h"

#include <algorithm>

namespace holdfast {

namespace {

// Matching with backtracking to the last star only: linear in practice, never exponential.
bool Matches(std::string_view pattern, std::string_view text) {
  size_t p = 0, t = 0, star = std::string_view::npos, resume = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = t;
    } else if (p < pattern.size() && pattern[p] == text[t]) {
      p++;
      t++;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', p) == std::string_view::npos;
}

}  // namespace

const AccessRule* AccessPolicy::Admit(uid_t uid, const Digest* token) const {
  for (const AccessRule& rule : rules_) {
    const bool has_uids = !rule.uids.empty(), has_tokens = !rule.token_digests.empty();
    if (rule.for_anyone && token == nullptr) return &rule;
    if (!has_uids && !has_tokens) continue;
    if (has_uids && std::find(rule.uids.begin(), rule.uids.end(), uid) == rule.uids.end()) continue;
    // Digests are compared, so the time that this takes says nothing about a token.
    const bool shown = token != nullptr && std::find(rule.token_digests.begin(), rule.token_digests.end(), *token) != rule.token_digests.end();
    if (has_tokens && !shown) continue;
    return &rule;
  }
  return nullptr;
}

bool AccessPolicy::MayOpenName(const AccessRule& rule, std::string_view name) {
  const std::string_view untagged = name.substr(0, name.find(':'));
  const std::string_view owner = untagged.substr(0, untagged.find('/'));
  if (std::find(rule.hidden.begin(), rule.hidden.end(), owner) != rule.hidden.end()) return false;
  return std::any_of(rule.models.begin(), rule.models.end(), [&](const std::string& pattern) {
    return Matches(pattern, pattern.find(':') == std::string::npos ? untagged : name);
  });
}

bool AccessPolicy::MayOpenAll(const AccessRule& rule) {
  return rule.hidden.empty() && std::find(rule.models.begin(), rule.models.end(), "*") != rule.models.end();
}

}  // namespace holdfast
