// The functions that the compiler and headers of the library call.
extern "C" void* memcpy(void* to, const void* from, unsigned long bytes) {
    auto* d = static_cast<unsigned char*>(to);
    auto* s = static_cast<const unsigned char*>(from);
    while (bytes-- != 0) *d++ = *s++;
    return to;
}
extern "C" void* memset(void* to, int value, unsigned long bytes) {
    auto* d = static_cast<unsigned char*>(to);
    while (bytes-- != 0) *d++ = static_cast<unsigned char>(value);
    return to;
}
extern "C" unsigned long strlen(const char* text) {
    unsigned long length = 0;
    while (text[length] != '\0') ++length;
    return length;
}
