// The splitter finds requests wherever packets are cut, and finds its way back after garbage.
#include "vmmd/management/request_splitter.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace redoubt::vmmd {
namespace {

using Kind = RequestSplitter::Item::Kind;

struct Found {
    std::vector<std::string> requests;
    std::vector<std::string> garbage;
    bool too_long = false;
};

void feed(RequestSplitter& splitter, std::string_view bytes, Found& found) {
    while (auto item = splitter.next(bytes)) {
        if (item->kind == Kind::TooLong) {
            found.too_long = true;
            return;
        }
        (item->kind == Kind::Request ? found.requests : found.garbage).push_back(item->text);
    }
}

Found split(std::string_view bytes) {
    RequestSplitter splitter;
    Found found;
    feed(splitter, bytes, found);
    return found;
}

using Texts = std::vector<std::string>;

TEST(RequestSplitter, TakesSeveralRequestsWithAndWithoutNewlines) {
    const Found found = split("{\"a\":1}{\"b\":2}\r\n  {\"c\":[{}]}\n[1]");
    EXPECT_EQ(found.requests, (Texts{"{\"a\":1}", "{\"b\":2}", "{\"c\":[{}]}", "[1]"}));
    EXPECT_TRUE(found.garbage.empty());
}

TEST(RequestSplitter, GivesTheSameWhereverTheStreamIsCut) {
    const std::string stream = "{\"x\":\"}\\\"{\"}\n{\"y\":{\"z\":\"[\\\\\"}}";
    for (std::size_t cut = 0; cut <= stream.size(); ++cut) {
        RequestSplitter splitter;
        Found found;
        feed(splitter, std::string_view(stream).substr(0, cut), found);
        feed(splitter, std::string_view(stream).substr(cut), found);
        EXPECT_EQ(found.requests, (Texts{"{\"x\":\"}\\\"{\"}", "{\"y\":{\"z\":\"[\\\\\"}}"}))
            << cut;
    }
}

TEST(RequestSplitter, ReportsGarbageOnceAndGoesOnWithTheNextLine) {
    const Found found = split("hello {\"not\":1}\n{\"a\":1}");
    EXPECT_EQ(found.garbage.size(), 1u);
    EXPECT_EQ(found.requests, Texts{"{\"a\":1}"});
}

TEST(RequestSplitter, RecoversFromAStringThatIsNeverClosed) {
    const Found found = split("{\"execute\": \"qui\n{\"a\":1}");
    EXPECT_EQ(found.garbage.size(), 1u);
    EXPECT_EQ(found.requests, Texts{"{\"a\":1}"});
}

TEST(RequestSplitter, RecoversFromAnObjectThatIsNeverClosed) {
    const Found found = split("{\"execute\": \"stop\"\n{\"a\":1}\n");
    EXPECT_EQ(found.garbage.size(), 1u);
    EXPECT_EQ(found.requests, Texts{"{\"a\":1}"});
}

TEST(RequestSplitter, KeepsAnObjectSpreadOverLines) {
    const Found found = split("{\n  \"a\":\n  {\n  }\n}\n");
    EXPECT_TRUE(found.garbage.empty());
    EXPECT_EQ(found.requests.size(), 1u);
}

TEST(RequestSplitter, RefusesBracketsThatDoNotMatch) {
    EXPECT_EQ(split("{]}\n{}").garbage.size(), 1u);
    EXPECT_EQ(split("{]}\n{}").requests, Texts{"{}"});
}

TEST(RequestSplitter, RefusesNestingThatIsTooDeep) {
    const std::string deepest(RequestSplitter::kMaximumDepth, '[');
    EXPECT_TRUE(split(deepest).garbage.empty());
    EXPECT_EQ(split(deepest + "[").garbage.size(), 1u);
}

TEST(RequestSplitter, StopsAtARequestThatIsTooLong) {
    const std::string longest =
        "{\"a\":\"" + std::string(RequestSplitter::kMaximumBytes - 8, 'x') + "\"}";
    EXPECT_FALSE(split(longest).too_long);
    EXPECT_EQ(split(longest).requests.size(), 1u);
    EXPECT_TRUE(split("{\"a\":\"" + std::string(RequestSplitter::kMaximumBytes, 'x')).too_long);
}

TEST(RequestSplitter, SkipsAMegabyteOfGarbageWithoutKeepingIt) {
    const Found found = split(std::string(3 * RequestSplitter::kMaximumBytes, 'x') + "\n{}");
    EXPECT_EQ(found.garbage.size(), 1u);
    EXPECT_EQ(found.requests, Texts{"{}"});
}

}  // namespace
}  // namespace redoubt::vmmd
