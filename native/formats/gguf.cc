// The header of a GGUF file, versions 2 and 3, little-endian: metadata, then name, dimensions, type and place of each tensor, places
// counted from the aligned end of the header. https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
//
//   'GGUF' u32 version  u64 tensors  u64 pairs | pairs: key, type, value | tensors: name, dims, type, offset | padding
//
// The length of the header is known only at its end: the parser asks for a longer prefix when it runs out. Nothing is allocated for a
// count that the file could not hold.
#include <algorithm>
#include <cstring>

#include "formats/tensor_directory.h"

namespace holdfast {

namespace {

constexpr uint32_t kMagic = 0x46554747;
constexpr uint32_t kAlignmentDefault = 32;
constexpr uint32_t kAlignmentMax = 1 << 20;
// Arrays of arrays are legal; nobody nests them deeper.
constexpr int kArrayDepthMax = 4;
constexpr uint64_t kKeyBytesMax = 65535;
constexpr uint64_t kPairBytesMin = 8 + 4 + 1;
constexpr uint64_t kTensorBytesMin = 8 + 4 + 4 + 8;
constexpr uint32_t kTypeUint32 = 4, kTypeString = 8, kTypeArray = 9;

// Tensor types by number: elements and bytes per block, from ggml-common.h and the type table of ggml.c. Numbers that are not here
// were removed, or mean different things in different forks.
struct GgmlType {
  uint32_t number;
  std::string_view name;
  uint64_t block_elements;
  uint64_t block_bytes;
};
constexpr GgmlType kTypes[] = {
    {0, "F32", 1, 4},        {1, "F16", 1, 2},        {2, "Q4_0", 32, 18},    {3, "Q4_1", 32, 20},    {6, "Q5_0", 32, 22},
    {7, "Q5_1", 32, 24},     {8, "Q8_0", 32, 34},     {9, "Q8_1", 32, 36},    {10, "Q2_K", 256, 84},  {11, "Q3_K", 256, 110},
    {12, "Q4_K", 256, 144},  {13, "Q5_K", 256, 176},  {14, "Q6_K", 256, 210}, {15, "Q8_K", 256, 292}, {16, "IQ2_XXS", 256, 66},
    {17, "IQ2_XS", 256, 74}, {18, "IQ3_XXS", 256, 98}, {19, "IQ1_S", 256, 50}, {20, "IQ4_NL", 32, 18}, {21, "IQ3_S", 256, 110},
    {22, "IQ2_S", 256, 82},  {23, "IQ4_XS", 256, 136}, {24, "I8", 1, 1},       {25, "I16", 1, 2},      {26, "I32", 1, 4},
    {27, "I64", 1, 8},       {28, "F64", 1, 8},       {29, "IQ1_M", 256, 56}, {30, "BF16", 1, 2},     {34, "TQ1_0", 256, 54},
    {35, "TQ2_0", 256, 66},  {39, "MXFP4", 32, 17},   {40, "NVFP4", 64, 36},
};

uint64_t ValueBytes(uint32_t type) {
  constexpr uint64_t sizes[] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
  return type < std::size(sizes) ? sizes[type] : 0;
}

struct Info {
  TensorEntry tensor;
  uint32_t type = 0;
};

class Parser {
 public:
  Parser(const HeaderBytes& bytes, const HeaderLimits& limits) : bytes_(bytes), limits_(limits) {}

  bool Parse(std::vector<TensorEntry>* tensors) {
    uint32_t magic = 0, version = 0;
    if (!U32(&magic) || !U32(&version)) return false;
    if (magic != kMagic || (version != 2 && version != 3)) return Bad("it is not GGUF of version 2 or 3, little-endian");
    uint64_t tensor_count = 0, pair_count = 0;
    if (!Count(limits_.tensors_max, kTensorBytesMin, "tensors", &tensor_count)) return false;
    if (!Count(UINT64_MAX, kPairBytesMin, "metadata pairs", &pair_count)) return false;
    for (uint64_t i = 0; i < pair_count; i++) {
      if (!ReadPair()) return false;
    }
    std::vector<Info> infos;
    for (uint64_t i = 0; i < tensor_count; i++) {
      infos.emplace_back();
      if (!ReadInfo(&infos.back())) return false;
    }
    return Place(&infos, tensors);
  }

  // What a Parse that returned false stopped at: one of the two.
  const Status& status() const { return status_; }
  uint64_t needed_bytes() const { return needed_bytes_; }

 private:
  bool Bad(const std::string& why) {
    status_ = BadModelFile(why);
    return false;
  }

  bool Take(uint64_t size_bytes) {
    if (size_bytes > bytes_.file_bytes - at_) return Bad("it goes on beyond the end of the file");
    if (at_ + size_bytes > limits_.header_bytes_max) return Bad("it is longer than " + std::to_string(limits_.header_bytes_max) + " bytes");
    if (at_ + size_bytes > bytes_.size_bytes) {
      needed_bytes_ = at_ + size_bytes;
      return false;
    }
    at_ += size_bytes;
    return true;
  }

  template <typename T>
  bool Number(T* value) {
    if (!Take(sizeof *value)) return false;
    std::memcpy(value, bytes_.data + at_ - sizeof *value, sizeof *value);
    return true;
  }
  bool U32(uint32_t* value) { return Number(value); }
  bool U64(uint64_t* value) {
    if (!Number(value)) return false;
    return *value <= kExactMax || Bad("a number is beyond 2^53");
  }

  // A number of things that follow: more than the file could hold is a lie.
  bool Count(uint64_t max, uint64_t item_bytes_min, const char* what, uint64_t* value) {
    if (!U64(value)) return false;
    if (*value <= max && *value <= (bytes_.file_bytes - at_) / item_bytes_min) return true;
    return Bad("it announces " + std::to_string(*value) + " " + what + ", more than fit");
  }

  bool Text(uint64_t bytes_max, std::string_view* text) {
    uint64_t size_bytes = 0;
    if (!U64(&size_bytes)) return false;
    if (size_bytes > bytes_max) return Bad("a string has " + std::to_string(size_bytes) + " bytes");
    if (!Take(size_bytes)) return false;
    *text = {reinterpret_cast<const char*>(bytes_.data) + at_ - size_bytes, static_cast<size_t>(size_bytes)};
    return true;
  }

  bool ReadPair() {
    std::string_view key;
    uint32_t type = 0;
    if (!Text(kKeyBytesMax, &key) || !U32(&type)) return false;
    if (!IsUtf8(key)) return Bad("a key is not UTF-8");
    // Of two pairs with one key the first counts.
    if (key != "general.alignment" || has_alignment_) return SkipValue(type, 0);
    has_alignment_ = true;
    if (type != kTypeUint32) return Bad("general.alignment is not a uint32");
    if (!U32(&alignment_bytes_)) return false;
    const bool good = alignment_bytes_ > 0 && (alignment_bytes_ & (alignment_bytes_ - 1)) == 0 && alignment_bytes_ <= kAlignmentMax;
    return good || Bad("general.alignment is " + std::to_string(alignment_bytes_));
  }

  bool SkipValue(uint32_t type, int depth) {
    std::string_view ignored;
    if (type == kTypeString) return Text(UINT64_MAX, &ignored);
    if (type == kTypeArray) return SkipArray(depth);
    const uint64_t size_bytes = ValueBytes(type);
    return size_bytes > 0 ? Take(size_bytes) : Bad("metadata of the unknown type " + std::to_string(type));
  }

  bool SkipArray(int depth) {
    if (depth == kArrayDepthMax) return Bad("metadata arrays are nested too deep");
    uint32_t type = 0;
    uint64_t count = 0;
    if (!U32(&type)) return false;
    const uint64_t item_bytes = ValueBytes(type);
    // The shortest item of no fixed size is a string: its length alone has 8 bytes.
    if (!Count(UINT64_MAX, item_bytes > 0 ? item_bytes : 8, "array items", &count)) return false;
    if (item_bytes > 0) return Take(count * item_bytes);
    for (uint64_t i = 0; i < count; i++) {
      if (!SkipValue(type, depth + 1)) return false;
    }
    return true;
  }

  bool ReadInfo(Info* info) {
    TensorEntry& tensor = info->tensor;
    std::string_view name;
    uint32_t rank = 0;
    if (!Text(limits_.name_bytes_max, &name) || !U32(&rank)) return false;
    tensor.name = name;
    if (!IsUtf8(name)) return Bad("a name is not UTF-8");
    if (name.find('\0') != std::string_view::npos) return Bad("a name has a zero byte");
    if (rank > limits_.rank_max) return Bad("the tensor " + Shown(name) + " has " + std::to_string(rank) + " dimensions");
    tensor.shape.resize(rank);
    // ggml counts the fastest dimension first.
    for (uint32_t i = rank; i-- > 0;) {
      if (!U64(&tensor.shape[i])) return false;
    }
    if (!U32(&info->type) || !U64(&tensor.offset_bytes)) return false;
    return tensor.offset_bytes % alignment_bytes_ == 0 || Bad("the tensor " + Shown(name) + " is not aligned");
  }

  // Sizes by type, and for a type of some fork by the distance to the next tensor.
  bool Place(std::vector<Info>* infos, std::vector<TensorEntry>* tensors) {
    const uint64_t data_bytes = (at_ + alignment_bytes_ - 1) / alignment_bytes_ * alignment_bytes_;
    std::stable_sort(infos->begin(), infos->end(),
              [](const Info& a, const Info& b) { return a.tensor.offset_bytes < b.tensor.offset_bytes; });
    // From the last one: the end of a tensor is where the next begins that does not begin with it.
    uint64_t end_bytes = bytes_.file_bytes - std::min(bytes_.file_bytes, data_bytes);
    for (size_t i = infos->size(); i-- > 0;) {
      if (i + 1 < infos->size() && (*infos)[i + 1].tensor.offset_bytes > (*infos)[i].tensor.offset_bytes) {
        end_bytes = (*infos)[i + 1].tensor.offset_bytes;
      }
      if (!Size(&(*infos)[i], end_bytes)) return false;
    }
    for (Info& info : *infos) {
      info.tensor.offset_bytes += data_bytes;
      tensors->push_back(std::move(info.tensor));
    }
    status_ = CheckTensors(data_bytes, bytes_.file_bytes, tensors);
    return status_.ok();
  }

  bool Size(Info* info, uint64_t end_bytes) {
    TensorEntry& tensor = info->tensor;
    const auto* type = std::find_if(std::begin(kTypes), std::end(kTypes), [&](const GgmlType& t) { return t.number == info->type; });
    if (type == std::end(kTypes)) {
      tensor.dtype = "ggml-" + std::to_string(info->type);
      tensor.size_bytes = end_bytes > tensor.offset_bytes ? end_bytes - tensor.offset_bytes : 0;
      return true;
    }
    tensor.dtype = type->name;
    uint64_t count = 0;
    const uint64_t row_elements = tensor.shape.empty() ? 1 : tensor.shape.back();
    // Blocks do not span rows.
    if (!ElementCount(tensor.shape, &count) || row_elements % type->block_elements != 0) {
      return Bad("the tensor " + Shown(tensor.name) + " has no valid shape for its type");
    }
    tensor.size_bytes = count / type->block_elements * type->block_bytes;
    return true;
  }

  const HeaderBytes bytes_;
  const HeaderLimits limits_;
  uint64_t at_ = 0;
  uint32_t alignment_bytes_ = kAlignmentDefault;
  bool has_alignment_ = false;
  uint64_t needed_bytes_ = 0;
  Status status_;
};

}  // namespace

Status ParseGguf(const HeaderBytes& bytes, const HeaderLimits& limits, uint64_t* needed_bytes, std::vector<TensorEntry>* tensors) {
  Parser parser(bytes, limits);
  std::vector<TensorEntry> found;
  if (parser.Parse(&found)) {
    *tensors = std::move(found);
    return Status();
  }
  *needed_bytes = parser.needed_bytes();
  return parser.status();
}

}  // namespace holdfast
