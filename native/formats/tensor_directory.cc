#include "formats/tensor_directory.h"

#include <algorithm>
#include <cctype>
#include <unordered_set>

#include "formats/json_reader.h"

namespace holdfast {

namespace {

constexpr size_t kShownBytesMax = 120;
constexpr std::string_view kGgufMagic = "GGUF";

// In upper or lower case; `end` is in lower case.
bool EndsWith(std::string_view path, std::string_view end) {
  if (path.size() < end.size()) return false;
  path.remove_prefix(path.size() - end.size());
  return std::equal(end.begin(), end.end(), path.begin(),
                    [](char a, char b) { return a == std::tolower(static_cast<unsigned char>(b)); });
}

}  // namespace

Status BadModelFile(const std::string& why) { return Status::Error(code::kBadModelFile, "Malformed header: " + why + "."); }

std::string Shown(std::string_view name) {
  std::string text = "\"";
  for (const char c : name.substr(0, kShownBytesMax)) text += c >= 0x20 && c != 0x7f ? c : '?';
  return text + '"';
}

bool IsUtf8(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    const size_t size_bytes = Utf8CharacterBytes(text.substr(i));
    if (size_bytes == 0) return false;
    i += size_bytes;
  }
  return true;
}

bool ElementCount(const std::vector<uint64_t>& shape, uint64_t* count) {
  *count = 1;
  for (const uint64_t dimension : shape) {
    if (dimension == 0) {
      *count = 0;
      return true;
    }
  }
  for (const uint64_t dimension : shape) {
    if (dimension > kExactMax / *count) return false;
    *count *= dimension;
  }
  return true;
}

Status CheckTensors(uint64_t data_offset_bytes, uint64_t file_bytes, std::vector<TensorEntry>* tensors) {
  std::stable_sort(tensors->begin(), tensors->end(), [](const TensorEntry& a, const TensorEntry& b) {
    return a.offset_bytes != b.offset_bytes ? a.offset_bytes < b.offset_bytes : a.size_bytes < b.size_bytes;
  });
  std::unordered_set<std::string_view> names;
  uint64_t end_bytes = data_offset_bytes;
  for (const TensorEntry& tensor : *tensors) {
    if (!names.insert(tensor.name).second) return BadModelFile("the tensor " + Shown(tensor.name) + " occurs twice");
    if (tensor.offset_bytes < end_bytes) return BadModelFile("the tensor " + Shown(tensor.name) + " overlaps what lies before it");
    if (tensor.offset_bytes > file_bytes || tensor.size_bytes > file_bytes - tensor.offset_bytes) {
      return BadModelFile("the tensor " + Shown(tensor.name) + " ends beyond the file");
    }
    end_bytes = tensor.offset_bytes + tensor.size_bytes;
  }
  return Status();
}

Status ParseTensors(std::string_view path, const HeaderBytes& bytes, const HeaderLimits& limits, uint64_t* needed_bytes,
                    std::vector<TensorEntry>* tensors) {
  if (EndsWith(path, ".safetensors")) return ParseSafetensors(bytes, limits, needed_bytes, tensors);
  if (EndsWith(path, ".gguf")) return ParseGguf(bytes, limits, needed_bytes, tensors);
  if (bytes.file_bytes < kGgufMagic.size()) return Status();
  if (bytes.size_bytes < kGgufMagic.size()) {
    *needed_bytes = kGgufMagic.size();
    return Status();
  }
  const std::string_view start(reinterpret_cast<const char*>(bytes.data), kGgufMagic.size());
  if (start != kGgufMagic) return Status();
  return ParseGguf(bytes, limits, needed_bytes, tensors);
}

}  // namespace holdfast
