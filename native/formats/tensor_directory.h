// The tensors that a file of weights lists in its header. A header is hostile until checked: everything that it says is bounded by
// the bytes at hand and by the size of the file, and tensors lie inside the file and apart.
#ifndef HOLDFAST_TENSOR_DIRECTORY_H_
#define HOLDFAST_TENSOR_DIRECTORY_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "os/status.h"

namespace holdfast {

struct TensorEntry {
  std::string name;
  std::string dtype;
  // Slowest dimension first.
  std::vector<uint64_t> shape;
  // From the start of the file.
  uint64_t offset_bytes = 0;
  uint64_t size_bytes = 0;
};

// The same limits and the same grammar as a push has (origin/chunking/tensor-table.ts, docs/reference/headers.md): what a push lists,
// open lists.
struct HeaderLimits {
  // GGUF files carry vocabularies of some 20 MB.
  uint64_t header_bytes_max = 128 << 20;
  // The JSON of a safetensors file, as the safetensors library has it.
  uint64_t safetensors_json_bytes_max = 100000000;
  size_t tensors_max = 500000;
  size_t rank_max = 16;
  size_t name_bytes_max = 1024;
};

// Numbers beyond are not exact in other readers of the same files.
inline constexpr uint64_t kExactMax = (uint64_t{1} << 53) - 1;

struct HeaderBytes {
  const uint8_t* data = nullptr;
  // How many of the file's first bytes stand at `data`.
  uint64_t size_bytes = 0;
  uint64_t file_bytes = 0;
};

// Each reads the header from a prefix of the file. `needed_bytes` is set, and nothing else, when the header goes on beyond the prefix:
// call again with at least so many. BAD_MODEL_FILE.
Status ParseSafetensors(const HeaderBytes& bytes, const HeaderLimits& limits, uint64_t* needed_bytes,
                        std::vector<TensorEntry>* tensors);
Status ParseGguf(const HeaderBytes& bytes, const HeaderLimits& limits, uint64_t* needed_bytes, std::vector<TensorEntry>* tensors);

// Picks the parser: safetensors by the name of the file in any case, GGUF by the name or the first bytes. A file of another form has no
// tensors.
Status ParseTensors(std::string_view path, const HeaderBytes& bytes, const HeaderLimits& limits, uint64_t* needed_bytes,
                    std::vector<TensorEntry>* tensors);

// For the parsers.
Status BadModelFile(const std::string& why);
// A name as a message may show it: cut, and without control characters.
std::string Shown(std::string_view name);
bool IsUtf8(std::string_view text);
// False when the product leaves the exact numbers. A zero anywhere makes it zero.
bool ElementCount(const std::vector<uint64_t>& shape, uint64_t* count);
// Sorts by place; refuses names that occur twice and tensors that overlap, begin in the header or end beyond the file.
Status CheckTensors(uint64_t data_offset_bytes, uint64_t file_bytes, std::vector<TensorEntry>* tensors);

}  // namespace holdfast

#endif  // HOLDFAST_TENSOR_DIRECTORY_H_
