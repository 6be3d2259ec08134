"""How a thing is to be called when the caller's word and the drawing's name differ: what `describe` may say of it.

A word of `subjects` is the drawing's proper name unless it is listed here. A CLDR keyword only leads to a drawing, which
then stands in for what was asked, unless `SYNONYMS` says that both words mean one thing.
"""

# The drawing shows something else, and the description says so.
_STAND_INS_WORDS = (
    "corgi|labrador|beagle|hound|柯基|bichon|golden retriever|金毛|金毛犬|拉布拉多|hare|guinea pig|gerbil|豚鼠|"
    "cheetah|jaguar|snow leopard|panther|lynx|猎豹|雪豹|red panda|小熊猫|mule|reindeer|elk|antelope|gazelle|驯鹿|梅花鹿|"
    "麋鹿|alpaca|ape|chimpanzee|chimp|baboon|猩猩|sea lion|walrus|海狮|海象|squirrel|松鼠|porcupine|豪猪|alligator|caiman|"
    "tortoise|toad|蛤蟆|cobra|diplodocus|blue whale|humpback whale|蓝鲸|porpoise|salmon|tuna|carp|鲤鱼|clownfish|goldfish|"
    "angelfish|金鱼|小丑鱼|sparrow|bluebird|finch|麻雀|燕子|crow|raven|乌鸦|seagull|gull|海鸥|hawk|falcon|crane bird|stork|heron|"
    "鹤|仙鹤|bumblebee|moth|family|一家人|witch|magician|女巫|queen|女王|皇后|王后|king|国王|皇帝|knight|soldier|骑士|士兵|fisherman|"
    "ballerina|monk|和尚|pixie|精灵|stuffed animal|毛绒玩具|oak|oak tree|maple tree|apple tree|willow|橡树|daisy|wildflower|雏菊|"
    "lavender flower|薰衣草|cabin|木屋|fortress|palace|宫殿|pagoda|temple|宝塔|寺庙|寺|庙|cathedral|skyscraper|tower|apartment building|"
    "摩天大楼|eiffel tower|radio tower|埃菲尔铁塔|铁塔|van|sports car|跑车|school bus|vespa|spaceship|spacecraft|space shuttle|飞船|"
    "宇宙飞船|yacht|kayak|rowboat|皮划艇|cruise ship|ocean liner|游轮|piano|钢琴|crystal|水晶|mandarin|pumpkin|南瓜|sword"
)
STAND_INS = frozenset(_STAND_INS_WORDS.split("|"))
# The drawing's own name says more, or is the only one that fits a sentence.
_NAMED_WORDS = (
    "pussycat|feline|喵星人|doggy|canine|汪星人|cattle|human|someone|figure|路人|人物|friends|朋友|朋友们|meditating|meditation|yoga|打坐|"
    "冥想|瑜伽|rowing|划船|surfing|冲浪|cycling|骑自行车|skiing|滑雪|boat|sailing boat|船|小船|sofa|couch|沙发|football|hat|帽子|ball|球|world|"
    "computer|电脑|计算机|houses|一排房子|orange fruit|oranges|hut house|books|一摞书|一杯咖啡|一杯茶|打开的书|keyboard instrument|love heart|"
    "a star|the star|心|trex|火|flame|火焰|hot air balloons|hot-air balloon|mt fuji|lovers|夫妻|情侣"
)
NAMED = frozenset(_NAMED_WORDS.split("|"))
# English keywords of CLDR that mean what the drawing shows.
_SYNONYMS_WORDS = """aubergine arch bento buffalo bulb camcorder cantaloupe capsicum cash cog cogwheel copter dice djinn donut dromedary earthworm
    eyeglasses frankfurter fries gander gear grape guanaco hippo hotcake hotdog icecream jigsaw jug kiwi maize merwoman mic motorboat mug
    pail pancake pants parcel peanut pills pin pinata pita prawn racehorse rucksack sausage sax shinkansen sled sledge soccer spade stein
    stoplight suitcase tophat trousers tshirt tub whiskey whisky wine sneaker teacup tombstone headstone train toboggan piñata keys tie
    slipper tumbler typhoon hurricane tornado toast peahen motor noodle nest puzzle"""
SYNONYMS = frozenset(_SYNONYMS_WORDS.split())
# Chinese keywords that share no character with the name of what they lead to, and still lead somewhere sensible.
_CHINESE_KEYWORDS_WORDS = """人猿 便当 化妆包 坚果 墨鱼 奇异果 威士忌 小强 曲奇 布丁 夹克 口红 旅馆 显示器 杏仁 汽水 泡菜 浓汤 游艇 渡鸦 乌鸦 牛排 牛扒 牛油果
    猪排 生蚝 篮子 项链 香肠 马铃薯 鱿鱼 闪电 战士 手枪 机长 百货公司 萝卜 蒲公英 蚯蚓 贝果 面包店 长毛象 雪糕 骡子 小说 小麦 地瓜 勺子 火鸟
    太阳花 宾馆 紫丁香 紫罗兰 背心 薄脆饼 苏打 礁石 矢车菊 糖葫芦 玩偶 玉米饼 缎带 雕塑 蒙古包 铁路 锄头 首饰 麻将 披肩 卷毛狗 河粉 炖菜 燕麦粥
    稀饭 果冻 烟火 莴苣 菌类 汉堡包 拨浪鼓 短剑 短刀 木槿 海蜇 铜板 行李牌 杂志 象牙 蛐蛐 鬼屋 衬衫"""
CHINESE_KEYWORDS = frozenset(_CHINESE_KEYWORDS_WORDS.split())
# Young animals: drawn as the grown one, but smaller beside others.
_YOUNG_WORDS = (
    "kitten|kitty|puppy|pup|bunny|bear cub|cub|lion cub|tiger cub|calf|piglet|foal|lamb|fawn|duckling|小猫|小狗|小兔|小兔子|小狐狸|小熊|"
    "小老虎|小牛|小猪|小马|小羊|羊羔|小鹿|小猴子|小海獭|小水獭|小鸭子"
)
YOUNG = frozenset(_YOUNG_WORDS.split("|"))
# Places and hours that are drawn as their nearest neighbour.
_LOOSE_WORDS = (
    "harbor|harbour|bay|port|港口|aquarium|coral reef|reef|水族馆|珊瑚礁|river|riverbank|stream|河|河流|河边|小溪|江|park|farm|orchard|valley|公园|农场|"
    "山谷|花海|spring|春天|africa|非洲|jungle|rainforest|丛林|雨林|竹林|cliff|canyon|峡谷|悬崖|oasis|绿洲|戈壁|skyline|metropolis|alley|highway|village|cyberpunk|"
    "公路|小镇|村庄|胡同|bedroom|library|office|classroom|studio|卧室|书房|教室|办公室|图书馆|kitchen|restaurant|cafe|desk|厨房|餐厅|咖啡馆|书桌|plate|盘子|ice|冰|"
    "on mars|mars|火星|火星上|galaxy|galaxies|milky way|银河|星系|summer|夏天|autumn|fall|秋天|秋季|storm|stormy|thunderstorm|暴风雨|雷雨|"
    "blizzard|snowstorm|暴雪|暴雨|downpour|garden|花园|田野|field|乡村|乡下|countryside|living room|客厅"
)
LOOSE = frozenset(_LOOSE_WORDS.split("|"))
