// The header of a safetensors file: 8 bytes of little-endian length, then JSON with dtype, shape and place of each tensor, places
// counted from the end of the header. https://github.com/huggingface/safetensors#format
#include <algorithm>
#include <cstring>
#include <unordered_set>

#include "formats/json_reader.h"
#include "formats/tensor_directory.h"

namespace holdfast {

namespace {

constexpr uint64_t kLengthBytes = 8;
constexpr size_t kDtypeBytesMax = 32;
constexpr std::string_view kMetadata = "__metadata__";

struct Dtype {
  std::string_view name;
  uint64_t bits;
};

// A dtype of a later version of the format is passed on with the size that the header gives.
constexpr Dtype kDtypes[] = {
    {"F4", 4},      {"F6_E2M3", 6}, {"F6_E3M2", 6},     {"BOOL", 8},        {"U8", 8},   {"I8", 8},   {"F8_E5M2", 8},
    {"F8_E4M3", 8}, {"F8_E8M0", 8}, {"F8_E4M3FNUZ", 8}, {"F8_E5M2FNUZ", 8}, {"I16", 16}, {"U16", 16}, {"F16", 16},
    {"BF16", 16},   {"I32", 32},    {"U32", 32},        {"F32", 32},        {"I64", 64}, {"U64", 64}, {"F64", 64},
    {"C64", 64},
};

bool IsDtype(std::string_view text) {
  return !text.empty() && text[0] >= 'A' && text[0] <= 'Z' && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  });
}

bool ReadSizes(JsonReader* json, size_t count_max, std::vector<uint64_t>* sizes) {
  sizes->clear();
  if (!json->Take('[')) return false;
  if (json->Take(']')) return true;
  for (;;) {
    uint64_t value = 0;
    if (sizes->size() == count_max || !json->Size(&value)) return false;
    sizes->push_back(value);
    if (json->Take(']')) return true;
    if (!json->Take(',')) return false;
  }
}

Status CheckSize(const TensorEntry& tensor) {
  // As the library multiplies: a zero does not bring back a product that has left 64 bits before it.
  uint64_t bits = 1;
  bool fits = true;
  for (const uint64_t dimension : tensor.shape) fits = fits && !__builtin_mul_overflow(bits, dimension, &bits);
  const auto* known = std::find_if(std::begin(kDtypes), std::end(kDtypes), [&](const Dtype& d) { return d.name == tensor.dtype; });
  if (known != std::end(kDtypes)) {
    fits = fits && !__builtin_mul_overflow(bits, known->bits, &bits) && bits % 8 == 0 && bits / 8 == tensor.size_bytes;
  }
  if (fits) return Status();
  return BadModelFile("the tensor " + Shown(tensor.name) + " of " + tensor.dtype + " cannot have " +
                      std::to_string(tensor.size_bytes) + " bytes");
}

// The value of one member of the header: {"dtype": ..., "shape": ..., "data_offsets": ...}.
Status ReadTensor(JsonReader* json, uint64_t data_offset_bytes, const HeaderLimits& limits, TensorEntry* tensor) {
  bool has_dtype = false, has_shape = false, has_place = false;
  std::vector<uint64_t> place;
  if (!json->Take('{')) return BadModelFile("the tensor " + Shown(tensor->name) + " is not an object");
  for (bool first = true; !json->Take('}'); first = false) {
    std::string key;
    bool good = (first || json->Take(',')) && json->String(limits.name_bytes_max, &key) && json->Take(':');
    if (good && key == "dtype") {
      good = !has_dtype && json->String(kDtypeBytesMax, &tensor->dtype) && IsDtype(tensor->dtype);
      has_dtype = true;
    } else if (good && key == "shape") {
      good = !has_shape && ReadSizes(json, limits.rank_max, &tensor->shape);
      has_shape = true;
    } else if (good && key == "data_offsets") {
      good = !has_place && ReadSizes(json, 2, &place) && place.size() == 2 && place[0] <= place[1];
      has_place = true;
    } else {
      good = good && json->Skip();
    }
    if (!good) return BadModelFile("the tensor " + Shown(tensor->name) + " has no valid " + (key.empty() ? "form" : Shown(key)));
  }
  if (!has_dtype || !has_shape || !has_place) {
    return BadModelFile("the tensor " + Shown(tensor->name) + " lacks dtype, shape or data_offsets");
  }
  tensor->offset_bytes = data_offset_bytes + place[0];
  tensor->size_bytes = place[1] - place[0];
  return CheckSize(*tensor);
}

// An object of strings in which no key occurs twice, or null.
bool ReadMetadata(JsonReader* json) {
  if (json->Null()) return true;
  if (!json->Take('{')) return false;
  std::unordered_set<std::string> keys;
  std::string key, value;
  for (bool first = true; !json->Take('}'); first = false) {
    if ((!first && !json->Take(',')) || !json->String(SIZE_MAX, &key) || !json->Take(':')) return false;
    if (!keys.insert(key).second || !json->String(SIZE_MAX, &value)) return false;
  }
  return true;
}

// Tensors in file order follow each other without a gap, and the file ends with the last of them.
Status CheckNoHoles(uint64_t data_offset_bytes, uint64_t file_bytes, const std::vector<TensorEntry>& tensors) {
  uint64_t end_bytes = data_offset_bytes;
  for (const TensorEntry& tensor : tensors) {
    if (tensor.offset_bytes != end_bytes) return BadModelFile("bytes before the tensor " + Shown(tensor.name) + " belong to none");
    end_bytes += tensor.size_bytes;
  }
  if (end_bytes == file_bytes) return Status();
  return BadModelFile("the tensors end at byte " + std::to_string(end_bytes) + ", the file at " + std::to_string(file_bytes));
}

}  // namespace

Status ParseSafetensors(const HeaderBytes& bytes, const HeaderLimits& limits, uint64_t* needed_bytes,
                        std::vector<TensorEntry>* tensors) {
  if (bytes.file_bytes < kLengthBytes) return BadModelFile("the file is shorter than the shortest header");
  uint64_t json_bytes = 0;
  if (bytes.size_bytes >= kLengthBytes) std::memcpy(&json_bytes, bytes.data, sizeof json_bytes);
  if (json_bytes > limits.safetensors_json_bytes_max || json_bytes > bytes.file_bytes - kLengthBytes) {
    return BadModelFile("the header is said to have " + std::to_string(json_bytes) + " bytes");
  }
  const uint64_t header_bytes = kLengthBytes + json_bytes;
  if (bytes.size_bytes < header_bytes || bytes.size_bytes < kLengthBytes) {
    *needed_bytes = header_bytes;
    return Status();
  }
  JsonReader json({reinterpret_cast<const char*>(bytes.data) + kLengthBytes, static_cast<size_t>(json_bytes)});
  if (!json.StartsWith('{')) return BadModelFile("it does not begin with '{'");
  json.Take('{');
  std::vector<TensorEntry> found;
  bool has_metadata = false;
  for (bool first = true; !json.Take('}'); first = false) {
    TensorEntry tensor;
    if ((!first && !json.Take(',')) || !json.String(limits.name_bytes_max, &tensor.name) || !json.Take(':')) {
      return BadModelFile("it is not JSON, or a name is too long");
    }
    if (tensor.name == kMetadata) {
      if (has_metadata || !ReadMetadata(&json)) return BadModelFile("its metadata is not an object of strings, or occurs twice");
      has_metadata = true;
      continue;
    }
    if (tensor.name.find('\0') != std::string::npos) return BadModelFile("a name has a zero byte");
    if (found.size() == limits.tensors_max) return BadModelFile("it lists more tensors than are read");
    Status status = ReadTensor(&json, header_bytes, limits, &tensor);
    if (!status.ok()) return status;
    found.push_back(std::move(tensor));
  }
  if (!json.AtEnd()) return BadModelFile("something follows the JSON object");
  Status status = CheckTensors(header_bytes, bytes.file_bytes, &found);
  if (status.ok()) status = CheckNoHoles(header_bytes, bytes.file_bytes, found);
  if (status.ok()) *tensors = std::move(found);
  return status;
}

}  // namespace holdfast
