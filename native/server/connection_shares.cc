#include "server/connection_shares.h"

namespace holdfast {

namespace {

template <typename Key>
void Take(std::unordered_map<Key, uint32_t>* counts, Key key) {
  const auto found = counts->find(key);
  if (found != counts->end() && --found->second == 0) counts->erase(found);
}

template <typename Key>
uint32_t CountOf(const std::unordered_map<Key, uint32_t>& counts, Key key) {
  const auto found = counts.find(key);
  return found == counts.end() ? 0 : found->second;
}

}  // namespace

void ConnectionShares::Add(const ucred& peer) {
  // The kernel says 0 for every process of a foreign namespace.
  if (peer.pid != 0) by_process_[peer.pid]++;
  by_user_[peer.uid]++;
}

void ConnectionShares::Remove(const ucred& peer) {
  if (peer.pid != 0) Take(&by_process_, peer.pid);
  Take(&by_user_, peer.uid);
}

std::string ConnectionShares::Refusal(const ucred& peer) const {
  if (limits_.per_process_max > 0 && CountOf(by_process_, peer.pid) >= limits_.per_process_max) {
    return "Process " + std::to_string(peer.pid) + " has " + std::to_string(limits_.per_process_max) +
           " connections, its limit (connectionsPerProcessMax)";
  }
  if (limits_.per_user_max > 0 && CountOf(by_user_, peer.uid) >= limits_.per_user_max) {
    return "User " + std::to_string(peer.uid) + " has " + std::to_string(limits_.per_user_max) +
           " connections, its limit (connectionsPerUserMax)";
  }
  return "";
}

uint32_t ConnectionShares::OfProcess(const ucred& peer) const { return peer.pid == 0 ? 1 : CountOf(by_process_, peer.pid); }

}  // namespace holdfast
