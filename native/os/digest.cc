#include "os/digest.h"

namespace holdfast {

namespace {

constexpr char kHexDigits[] = "0123456789abcdef";

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

}  // namespace

std::string Digest::ToHex() const {
  std::string text(64, '0');
  for (size_t i = 0; i < bytes.size(); i++) {
    text[2 * i] = kHexDigits[bytes[i] >> 4];
    text[2 * i + 1] = kHexDigits[bytes[i] & 15];
  }
  return text;
}

bool Digest::FromHex(std::string_view text, Digest* digest) {
  if (text.size() != 64) return false;
  for (size_t i = 0; i < 32; i++) {
    const int high = HexValue(text[2 * i]);
    const int low = HexValue(text[2 * i + 1]);
    if (high < 0 || low < 0) return false;
    digest->bytes[i] = static_cast<uint8_t>(high << 4 | low);
  }
  return true;
}

}  // namespace holdfast
