// What a client process works with: one connection to the store of its machine that comes back by itself. When the store has gone and
// come again, it is offered the memory of the models that are open, so that it need not fetch them and counts their memory again.
#ifndef HOLDFAST_SESSION_H_
#define HOLDFAST_SESSION_H_

#include <memory>
#include <string>

#include "client/client.h"
#include "os/status.h"

namespace holdfast {

struct SessionOptions {
  std::string socket_path;
  // Owner of opens that name none.
  std::string tenant = "public";
  // Empty: none.
  std::string token;
  int timeout_ms = 5000;
};

class Session {
 public:
  // Fails as Client::Connect does when there is no store now.
  static Status Connect(const SessionOptions& options, std::shared_ptr<Session>* session);
  // Closes.
  virtual ~Session() = default;
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // As Client::Open; an empty tenant is that of the session. Connects again first, which may wait, when the connection has ended.
  virtual void Open(OpenRequest request, Client::OnOpened done) = 0;
  // Connects again if the connection has ended; waits. For those whose thread must not wait in Open.
  virtual Status EnsureConnected() = 0;
  virtual void GetStatus(uint64_t deadline_ms, Client::OnStatus done) = 0;
  virtual void List(const std::string& after, uint64_t deadline_ms, Client::OnNames done) = 0;
  virtual bool connected() const = 0;
  // Ends the connection for good. Models stay readable. Not on a thread that calls back.
  virtual void Close() = 0;

 protected:
  Session() = default;
};

// $HOLDFAST_SOCKET, else the first that exists of the places where a node makes its socket. STORE_UNREACHABLE without one.
Status FindSocket(std::string* path);

}  // namespace holdfast

#endif  // HOLDFAST_SESSION_H_
