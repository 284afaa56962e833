// The folder of memory.export: segments as read-only files of a tmpfs, for programs that open a path.
//
//   DIR/.holdfast-export                    marks the folder as one that a store may empty
//   DIR/blobs/<blob id>                     a complete segment, 0444
//   DIR/digests/<model>/<path>              links to blobs, of a model that is complete in memory
//   DIR/models/<namespace>/<name>/<tag>     a link to the folder of the model that the name means
//
// A tmpfs file has no seals. What keeps a segment unchanged here is its mode and its owner; for programs that must not be able to
// change it at all, root in a container included, the folder has to be mounted read-only where they run.
#ifndef HOLDFAST_SRC_EXPORT_FOLDER_H_
#define HOLDFAST_SRC_EXPORT_FOLDER_H_

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "os/digest.h"
#include "os/mutex.h"
#include "os/status.h"
#include "memory/catalog.h"
#include "os/unique_fd.h"

namespace holdfast {

class ExportFolder {
 public:
  // Takes the folder and removes what a store that was killed has left there. BAD_CONFIG when it is no place for segments.
  static Status Open(const std::string& path, uint64_t limit_bytes, std::shared_ptr<ExportFolder>* folder);
  ExportFolder(const ExportFolder&) = delete;
  ExportFolder& operator=(const ExportFolder&) = delete;

  // The tmpfs was mounted with huge=, so that the kernel gives large pages to files of it.
  bool gives_large_pages() const { return gives_large_pages_; }
  // A file without a name, open for reading and writing: a process that dies leaves nothing of it.
  Status NewFile(UniqueFd* fd) const;
  // Makes it read-only and gives it the name of its blob.
  Status Place(const Digest& digest, int fd);
  // Takes the name away, unless it belongs to another file by now.
  void Remove(const Digest& digest, int fd);

  // Makes the trees those of the models that are complete now.
  void ShowModels(const Catalog& catalog);
  // The folder of a model, as it is now; empty when it is not complete in memory.
  std::string PathOf(const std::string& model, const Catalog& catalog);

  // Removes all and takes nothing more. A program that has mapped or opened a file keeps it.
  void Close();

 private:
  ExportFolder(std::string path, UniqueFd lock, bool gives_large_pages)
      : path_(std::move(path)), lock_(std::move(lock)), gives_large_pages_(gives_large_pages) {}

  std::string BlobPath(const Digest& digest) const { return path_ + "/blobs/" + digest.ToHex(); }
  Status Clear() const;
  bool BuildTree(const Model& model) const REQUIRES(mutex_);
  bool LinkName(const std::string& name, const std::string& digest) const REQUIRES(mutex_);
  void UnlinkName(const std::string& name) const REQUIRES(mutex_);

  const std::string path_;
  const UniqueFd lock_;
  const bool gives_large_pages_;
  Mutex mutex_;
  bool closed_ GUARDED_BY(mutex_) = false;
  std::set<std::string> shown_models_ GUARDED_BY(mutex_);
  std::map<std::string, std::string> shown_names_ GUARDED_BY(mutex_);
};

}  // namespace holdfast

#endif  // HOLDFAST_SRC_EXPORT_FOLDER_H_
