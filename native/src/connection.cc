// Invariant: queue_ holds what has not been sent; a model's item keeps its grant, and so its segments' descriptors, until its
// last frame is with the kernel.
#include "connection.h"

#include <cerrno>
#include <cstring>
#include <utility>

#include "socket_io.h"

namespace holdfast {

Connection::ReadResult Connection::Read(std::vector<uint8_t>* buffer, size_t* size_bytes) {
  buffer->resize(kFrameBytesMax);
  // No room for control data: descriptors that a client sends are closed by the kernel.
  const ssize_t got = recv(fd_.get(), buffer->data(), buffer->size(), MSG_DONTWAIT | MSG_TRUNC);
  if (got < 0) return errno == EAGAIN || errno == EINTR ? ReadResult::kAgain : ReadResult::kClosed;
  if (got == 0) return ReadResult::kClosed;
  *size_bytes = static_cast<size_t>(got);
  return *size_bytes > kFrameBytesMax ? ReadResult::kOversized : ReadResult::kFrame;
}

void Connection::Send(std::string bytes) {
  Outgoing item;
  item.bytes = std::move(bytes);
  queue_.push_back(std::move(item));
}

void Connection::SendGrant(uint32_t request, std::shared_ptr<const LeaseGrant> grant) {
  Outgoing item;
  item.request = request;
  item.grant = std::move(grant);
  queue_.push_back(std::move(item));
}

Connection::FlushResult Connection::Flush() {
  while (!queue_.empty()) {
    Outgoing& item = queue_.front();
    uint32_t next_file = item.next_file;
    uint32_t next_blob = item.next_blob;
    const Frame frame = item.grant == nullptr ? Frame{item.bytes, {}} : NextModelFrame(item, &next_file, &next_blob);
    const FlushResult result = SendFrame(frame);
    if (result != FlushResult::kDone) return result;
    item.next_file = next_file;
    item.next_blob = next_blob;
    const bool complete = item.grant == nullptr || (next_file == item.grant->model->files.size() &&
                                                    next_blob == item.grant->model->blobs.size());
    if (complete) queue_.pop_front();
  }
  return FlushResult::kDone;
}

Frame Connection::NextModelFrame(const Outgoing& item, uint32_t* next_file, uint32_t* next_blob) {
  const Model& model = *item.grant->model;
  FrameWriter writer(FrameType::kModel, item.request);
  writer.U64(item.grant->info.id).Str(model.digest);
  writer.U32(static_cast<uint32_t>(model.files.size())).U32(static_cast<uint32_t>(model.blobs.size()));
  const size_t counts_at = writer.size();
  writer.U32(*next_file).U32(0).U32(*next_blob).U32(0);
  uint32_t file_count = 0;
  for (; *next_file < model.files.size(); ++*next_file, ++file_count) {
    const ModelFile& file = model.files[*next_file];
    const size_t entry_bytes = 4 + 8 + 32 + 2 + file.path.size();
    if (writer.size() + entry_bytes > kFrameBytesMax) break;
    writer.U32(file.blob).U64(file.size_bytes).Raw(file.sha256.bytes.data(), 32).Str(file.path);
  }
  Frame frame;
  for (; *next_blob < model.blobs.size() && frame.fds.size() < kFdsPerFrameMax; ++*next_blob) {
    frame.fds.push_back(item.grant->segments[*next_blob]->read_only_fd());
  }
  writer.PatchU32(counts_at + 4, file_count);
  writer.PatchU32(counts_at + 12, static_cast<uint32_t>(frame.fds.size()));
  frame.bytes = writer.Take();
  return frame;
}

Connection::FlushResult Connection::SendFrame(const Frame& frame) {
  const int error = SendFrameTo(fd_.get(), frame);
  if (error == 0) return FlushResult::kDone;
  if (error == EAGAIN || error == ENOBUFS) return FlushResult::kBlocked;
  if (error == ETOOMANYREFS) return FlushResult::kStalled;
  return FlushResult::kClosed;
}

}  // namespace holdfast
