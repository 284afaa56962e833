// A strict reader of JSON (RFC 8259) over bytes that nobody vouches for: no tree is built, depth is bounded, strings have to be UTF-8.
// origin/chunking/json-cursor.ts reads the same language; docs/reference/headers.md has it. Every call says whether the text went on as asked; after the first false the reader is of no further use.
#ifndef HOLDFAST_SRC_JSON_READER_H_
#define HOLDFAST_SRC_JSON_READER_H_

#include <cstdint>
#include <string>
#include <string_view>

namespace holdfast {

// Bytes of the character that the text begins with. 0 when it is none: overlong, a surrogate, beyond Unicode, cut off, or no text.
size_t Utf8CharacterBytes(std::string_view text);

class JsonReader {
 public:
  explicit JsonReader(std::string_view text) : text_(text) {}

  // Skips white space, and `c` when that comes next.
  bool Take(char c);
  // The same without skipping `c`.
  bool Peek(char c);
  // Whether the text goes on with `c`, without white space before it.
  bool StartsWith(char c) const { return at_ < text_.size() && text_[at_] == c; }
  // A string with its escapes resolved. Strings beyond `bytes_max` are refused.
  bool String(size_t bytes_max, std::string* value);
  // A whole number without sign, fraction or exponent, below 2^53.
  bool Size(uint64_t* value);
  // Any value.
  bool Skip();
  bool Null() { SkipSpace(); return SkipWord("null"); }
  // Only white space is left.
  bool AtEnd();

 private:
  bool SkipValue(int depth);
  bool SkipMembers(char close, bool named, int depth);
  bool SkipNumber();
  bool SkipWord(std::string_view word);
  bool Digits();
  bool Escape(std::string* value);
  bool Hex4(uint32_t* value);
  bool Utf8(std::string* value);
  void SkipSpace();

  const std::string_view text_;
  size_t at_ = 0;
};

}  // namespace holdfast

#endif  // HOLDFAST_SRC_JSON_READER_H_
