#include "formats/json_reader.h"

namespace holdfast {

namespace {

// Nesting below a value that is skipped; serde_json, by which the safetensors library reads, stops at 127 with what is around it.
constexpr int kDepthMax = 125;
constexpr uint64_t kSizeMax = (uint64_t{1} << 53) - 1;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

void AppendUtf8(uint32_t point, std::string* value) {
  if (point < 0x80) {
    *value += static_cast<char>(point);
  } else if (point < 0x800) {
    *value += static_cast<char>(0xc0 | point >> 6);
    *value += static_cast<char>(0x80 | (point & 0x3f));
  } else if (point < 0x10000) {
    *value += static_cast<char>(0xe0 | point >> 12);
    *value += static_cast<char>(0x80 | (point >> 6 & 0x3f));
    *value += static_cast<char>(0x80 | (point & 0x3f));
  } else {
    *value += static_cast<char>(0xf0 | point >> 18);
    *value += static_cast<char>(0x80 | (point >> 12 & 0x3f));
    *value += static_cast<char>(0x80 | (point >> 6 & 0x3f));
    *value += static_cast<char>(0x80 | (point & 0x3f));
  }
}

}  // namespace

size_t Utf8CharacterBytes(std::string_view text) {
  if (text.empty()) return 0;
  const auto byte = [text](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  const size_t size = first < 0x80 ? 1 : first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (size > text.size() || (size > 1 && (first < 0xc2 || first > 0xf4))) return 0;
  for (size_t i = 1; i < size; i++) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  if ((first == 0xe0 && byte(1) < 0xa0) || (first == 0xed && byte(1) > 0x9f)) return 0;
  if ((first == 0xf0 && byte(1) < 0x90) || (first == 0xf4 && byte(1) > 0x8f)) return 0;
  return size;
}

void JsonReader::SkipSpace() {
  while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n' || text_[at_] == '\r')) at_++;
}

bool JsonReader::Peek(char c) {
  SkipSpace();
  return at_ < text_.size() && text_[at_] == c;
}

bool JsonReader::Take(char c) {
  if (!Peek(c)) return false;
  at_++;
  return true;
}

bool JsonReader::AtEnd() {
  SkipSpace();
  return at_ == text_.size();
}

bool JsonReader::String(size_t bytes_max, std::string* value) {
  value->clear();
  if (!Take('"')) return false;
  while (at_ < text_.size() && value->size() <= bytes_max) {
    const auto c = static_cast<unsigned char>(text_[at_]);
    if (c == '"') {
      at_++;
      return true;
    }
    if (c < 0x20) return false;
    if (c == '\\' ? !Escape(value) : !Utf8(value)) return false;
  }
  return false;
}

bool JsonReader::Escape(std::string* value) {
  if (at_ + 1 >= text_.size()) return false;
  const char kind = text_[at_ + 1];
  at_ += 2;
  constexpr std::string_view kinds = "\"\\/bfnrt";
  constexpr std::string_view meanings = "\"\\/\b\f\n\r\t";
  const size_t plain = kinds.find(kind);
  if (plain != std::string_view::npos) {
    *value += meanings[plain];
    return true;
  }
  uint32_t point = 0;
  if (kind != 'u' || !Hex4(&point)) return false;
  if (point >= 0xd800 && point < 0xe000) {
    // A surrogate counts only as the first of a pair.
    uint32_t low = 0;
    if (point >= 0xdc00 || text_.substr(at_, 2) != "\\u") return false;
    at_ += 2;
    if (!Hex4(&low) || low < 0xdc00 || low >= 0xe000) return false;
    point = 0x10000 + ((point - 0xd800) << 10) + (low - 0xdc00);
  }
  AppendUtf8(point, value);
  return true;
}

bool JsonReader::Hex4(uint32_t* value) {
  if (text_.size() - at_ < 4) return false;
  *value = 0;
  for (int i = 0; i < 4; i++) {
    const char c = text_[at_++];
    uint32_t digit;
    if (IsDigit(c)) {
      digit = static_cast<uint32_t>(c - '0');
    } else if ((c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F')) {
      digit = static_cast<uint32_t>((c | 0x20) - 'a' + 10);
    } else {
      return false;
    }
    *value = *value << 4 | digit;
  }
  return true;
}

bool JsonReader::Utf8(std::string* value) {
  const size_t size_bytes = Utf8CharacterBytes(text_.substr(at_));
  if (size_bytes == 0) return false;
  value->append(text_, at_, size_bytes);
  at_ += size_bytes;
  return true;
}

bool JsonReader::Size(uint64_t* value) {
  SkipSpace();
  const size_t start = at_;
  *value = 0;
  while (at_ < text_.size() && IsDigit(text_[at_])) {
    *value = *value * 10 + static_cast<uint64_t>(text_[at_++] - '0');
    if (*value > kSizeMax) return false;
  }
  if (at_ == start || (text_[start] == '0' && at_ > start + 1)) return false;
  // 1.5 and 1e3 are numbers, but no sizes.
  return at_ == text_.size() || (text_[at_] != '.' && text_[at_] != 'e' && text_[at_] != 'E');
}

bool JsonReader::Skip() { return SkipValue(0); }

bool JsonReader::SkipValue(int depth) {
  SkipSpace();
  if (at_ == text_.size()) return false;
  std::string ignored;
  switch (text_[at_]) {
    case '"':
      return String(text_.size(), &ignored);
    case '{':
      return SkipMembers('}', /*named=*/true, depth + 1);
    case '[':
      return SkipMembers(']', /*named=*/false, depth + 1);
    case 't':
      return SkipWord("true");
    case 'f':
      return SkipWord("false");
    case 'n':
      return SkipWord("null");
    default:
      return SkipNumber();
  }
}

bool JsonReader::SkipMembers(char close, bool named, int depth) {
  if (depth > kDepthMax) return false;
  at_++;
  if (Take(close)) return true;
  std::string ignored;
  for (;;) {
    if (named && (!String(text_.size(), &ignored) || !Take(':'))) return false;
    if (!SkipValue(depth)) return false;
    if (Take(close)) return true;
    if (!Take(',')) return false;
  }
}

bool JsonReader::SkipWord(std::string_view word) {
  if (text_.substr(at_, word.size()) != word) return false;
  at_ += word.size();
  return true;
}

bool JsonReader::Digits() {
  const size_t start = at_;
  while (at_ < text_.size() && IsDigit(text_[at_])) at_++;
  return at_ > start;
}

bool JsonReader::SkipNumber() {
  if (text_[at_] == '-') at_++;
  const size_t start = at_;
  if (!Digits() || (text_[start] == '0' && at_ > start + 1)) return false;
  if (at_ < text_.size() && text_[at_] == '.') {
    at_++;
    if (!Digits()) return false;
  }
  if (at_ < text_.size() && (text_[at_] == 'e' || text_[at_] == 'E')) {
    at_++;
    if (at_ < text_.size() && (text_[at_] == '+' || text_[at_] == '-')) at_++;
    if (!Digits()) return false;
  }
  return true;
}

}  // namespace holdfast
